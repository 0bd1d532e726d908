"""Answers over HTTP by a registered model, which follow its alias."""
