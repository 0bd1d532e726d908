"""Columns of numbers."""
