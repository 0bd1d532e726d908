"""Fetching one file: over HTTP, or by whatever fsspec opens; never half of it."""
