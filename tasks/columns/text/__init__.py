"""Columns of text."""
