"""Columns of categories."""
