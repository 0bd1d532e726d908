"""Rows whose images or texts are nearly those of an earlier row."""
