"""The values by which rows to answer are of one kind or another, where intervals or sets of classes go by a column."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from typing import Any

import numpy as np
import polars as pl

from tasks.columns import column_type
from tasks.model_input.conformal import KindColumn
from tasks.repair.repair import repaired


def kind_values(cells: pl.Series, column: KindColumn) -> pl.Series:
    """Text as the source writes it, or values at rest, as text that `clean` would have left, [N]; what cannot be read
    is missing, as nothing but the kind of a row hangs on it."""
    of_type = column_type(column.type)
    if cells.dtype == pl.String:
        cells = of_type.read_served(column.dialect.without_missing(cells), column.dialect)
    return repaired(of_type.cast(cells), column.repair).cast(pl.String)


def as_text(cells: Sequence[Any]) -> pl.Series:
    """Values of any type as a source would write them, [N]: whole numbers without `.0`, None and NaN as missing."""
    return pl.Series([None if _is_missing(cell) else _text(cell) for cell in cells], dtype=pl.String)


def _is_missing(cell: Any) -> bool:
    return cell is None or (isinstance(cell, float) and isnan(cell))


def _text(cell: Any) -> str:
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).lower() if isinstance(cell, bool | np.bool_) else str(cell)
