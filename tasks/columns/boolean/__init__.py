"""Columns of yes and no."""
