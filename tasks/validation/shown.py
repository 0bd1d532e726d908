"""A value in short, as reports and messages show it."""

from __future__ import annotations

import json
from typing import Any

_LARGEST_WHOLE = 1e15
"""Above, a float64 has no more whole digits to show."""
LONGEST_SHOWN = 80
"""Characters of a value in reports: enough to know it again, and a long text leaves the page readable."""


def shown(value: Any) -> str:
    """A value in short, as reports show it."""
    if value is None:
        return "missing"
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"
    if isinstance(value, list):
        return shown(", ".join(map(shown, value)))
    # Whole numbers are floats here, and no file writes them so.
    if isinstance(value, float) and value.is_integer() and abs(value) < _LARGEST_WHOLE:
        return str(int(value))
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"
