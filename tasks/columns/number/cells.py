"""Reads a number to answer, as JSON has it."""

from __future__ import annotations

import math
import re
from typing import Any

from tasks.columns.cells import CellReader, OddCellError, text_reader
from tasks.repair.repair import Repair, number_repairer
from tasks.tables.dialect import ColumnDialect

_PLAIN = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
"""A number as programs write it, which Python and polars read alike."""


def number_cell_reader(repair: Repair | None, dialect: ColumnDialect, words: frozenset[str]) -> CellReader | None:
    """Numbers, and texts of a source that writes them plainly, put right; None where only polars does that. `words` are
    those that mean a missing one."""
    right = number_repairer(repair or Repair())
    if right is None:
        return None
    text = text_reader(dialect.missing, words)
    is_plain = dialect.writes_plain_numbers and dialect.unit is None
    marks = dialect.missing_floats

    def read(cell: Any) -> float | None:
        if cell is None:
            return None
        if type(cell) is str and is_plain:
            present = text(cell)
            if present is None:
                return None
            number = _of_text(present)
        else:
            number = _typed(cell)
            if number in marks:
                return None
        if not math.isfinite(number):
            raise OddCellError(cell)
        return right(number)

    return read


def _of_text(text: str) -> float:
    if _PLAIN.fullmatch(text) is None:
        raise OddCellError(text)
    return float(text)


def _typed(cell: Any) -> float:
    # As JSON has them; of other numbers the column type says what they mean.
    if type(cell) not in (float, int, bool):
        raise OddCellError(cell)
    try:
        return float(cell)
    except OverflowError:  # a whole number of more than 308 digits
        raise OddCellError(cell) from None
