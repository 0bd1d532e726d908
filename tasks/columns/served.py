"""What callers of a served model give for bytes and for text, as it is at rest: shared by several column types."""

from __future__ import annotations

import base64
import binascii
import math
from datetime import time
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
import polars as pl

from tasks.errors import UserError

_LARGEST_EXACT = 2.0**53
"""Up to here every whole number is a float64 of its own."""


def served_text(value: Any) -> str | None:
    """A number, a truth value or a time of day as a table would write it; None for what has no one writing."""
    # As ingest has those of typed files.
    if isinstance(value, time):
        return str(pl.Series([value]).dt.to_string("%H:%M:%S%.f")[0])
    # JSON and tables write truth values in small letters, Python does not.
    if isinstance(value, bool | np.bool_):
        return str(value).lower()
    # A float has lost digits of such a number, as pandas' columns of whole numbers with gaps have: the name is another.
    if not isinstance(value, Real | Decimal) or (isinstance(value, float) and abs(value) >= _LARGEST_EXACT):
        return None
    # Whole numbers lose their `.0`, as they do when a table is read.
    return str(math.trunc(value)) if value % 1 == 0 else str(value)


def served_bytes(value: bytes | bytearray | memoryview | str) -> bytes:
    """A file's bytes as they are, or as base64 text, which is how JSON carries them."""
    if not isinstance(value, str):
        return bytes(value)
    try:
        # Without `validate` signs that are not base64 are left out in silence. Tools break it into lines.
        return base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError):
        raise UserError("text that is not base64; give the encoded bytes of the file") from None
