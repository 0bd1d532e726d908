"""Keeps what was answered: the rows, their answers, and the labels that come later."""
