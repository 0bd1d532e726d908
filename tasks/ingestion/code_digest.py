"""The code that reads cells: what it made of them is made again when it is another."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from tasks.digests import folder_digest

_CODE = ("columns", "ingestion", "repair", "sources", "tables")


@cache
def code_digest() -> str:
    """SHA-256 of all modules that what is kept of a source depends on."""
    root = Path(__file__).parents[1]
    digests = [folder_digest(root / name, "*.py") for name in _CODE]
    return hashlib.sha256("".join(digests).encode()).hexdigest()
