"""Answers of a registered model to new rows: read as its own source is, checked, answered, kept part by part."""
