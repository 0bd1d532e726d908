"""Columns of sounds."""
