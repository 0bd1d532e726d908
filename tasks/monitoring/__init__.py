"""Looks at what was answered: whether rows, answers and their errors are still those that the model was made for."""
