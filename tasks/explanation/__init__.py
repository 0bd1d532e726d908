"""Why a model answers as it does: how much it needs each column, what a column does to its answers, and reasons."""
