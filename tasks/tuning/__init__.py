"""Tries other values of a pipeline's settings, and says which are better: `modelwright tune`."""
