"""Cells as numbers, however the source writes them; a cell that is none is missing."""

from __future__ import annotations

import polars as pl

from tasks.repair.number_text import plainly
from tasks.sources.base import NumberFormat


def as_numbers(values: pl.Series, written: NumberFormat) -> pl.Series | None:
    """Those of the cells that are numbers, as float64; None for a column that cannot hold any, such as of bytes."""
    if values.dtype == pl.String:
        is_plain = written.decimal == "." and written.thousands is None
        values = values.str.strip_chars() if is_plain else plainly(values, written.decimal, written.thousands)
    elif not values.dtype.is_numeric():
        return None
    return values.cast(pl.Float64, strict=False).fill_nan(None)
