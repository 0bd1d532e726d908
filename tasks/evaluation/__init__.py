"""Predictions on the test rows, metrics, plots and the report."""
