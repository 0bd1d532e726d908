"""Keeps the servers of a project running: starts, watches, restarts and stops them, and says where they are."""
