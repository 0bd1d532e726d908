"""From a source's cells to typed columns."""
