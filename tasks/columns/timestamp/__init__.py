"""Columns of points in time."""
