"""The dialect of a column: how the source writes its cells. Ingestion reads by it, and the recipe carries it along."""

from __future__ import annotations

from typing import Literal

import polars as pl

from tasks.params.config import Config
from tasks.repair.number_text import plainly


class ColumnDialect(Config):
    """How the cells of one column are written; what stands here is how most sources write."""

    missing: tuple[str, ...] = ("",)
    """Cells that stand for a missing value."""
    decimal: Literal[".", ","] = "."
    thousands: str | None = None
    format: str | None = None
    """Of timestamps in text."""

    @property
    def writes_plain_numbers(self) -> bool:
        """Whether numbers stand there as programs write them: 1234.5."""
        return self.decimal == "." and self.thousands is None

    def without_missing(self, cells: pl.Series) -> pl.Series:
        """The cells, those that stand for a missing value as missing ones: text as it is written, numbers by value."""
        if cells.dtype == pl.String:
            return cells.set(cells.is_in(list(self.missing)), None) if self.missing else cells
        if not cells.dtype.is_numeric():
            return cells
        marks = self._missing_numbers
        if cells.dtype.is_integer():
            # As whole numbers: a mark of -999.5 must not take out -999.
            marks = [int(mark) for mark in marks if mark.is_integer()]
        if not marks:
            return cells
        of_dtype = pl.Series(marks).cast(cells.dtype, strict=False).drop_nulls()
        return cells.set(cells.is_in(of_dtype.implode()), None)

    @property
    def _missing_numbers(self) -> list[float]:
        # Most columns have no mark but the empty cell, which is no number.
        marks = pl.Series([mark for mark in self.missing if mark], dtype=pl.String)
        if marks.is_empty():
            return []
        # -999 in params.yaml is -999.0 in the file; and -999,5 is what the file would write.
        written = plainly(marks, self.decimal, self.thousands).cast(pl.Float64)
        return written.fill_null(marks.cast(pl.Float64, strict=False)).drop_nulls().to_list()
