"""What was tried: every training with its parameters, data, code and answers to the test rows, side by side."""
