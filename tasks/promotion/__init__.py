"""The gate, the verdict and the passport: which version goes live, and what it came from."""
