"""The dialect of a column: how the source writes its cells. Ingestion reads by it, and the recipe carries it along."""

from __future__ import annotations

from functools import cached_property
from typing import Literal

import polars as pl

from tasks.params.config import Config
from tasks.repair.number_text import plainly
from tasks.repair.repair import FEW
from tasks.repair.units import UnitFormat, numbers_with_unit


class ColumnDialect(Config):
    """How the cells of one column are written; what stands here is how most sources write."""

    missing: tuple[str, ...] = ("",)
    """Cells that stand for a missing value."""
    decimal: Literal[".", ","] = "."
    thousands: str | None = None
    format: str | None = None
    """Of timestamps in text."""
    unit: UnitFormat | None = None
    """How numbers are written that have a currency or a unit around them."""

    @property
    def writes_plain_numbers(self) -> bool:
        """Whether numbers stand there as programs write them: 1234.5."""
        return self.decimal == "." and self.thousands is None

    def without_missing(self, cells: pl.Series) -> pl.Series:
        """The cells, those that stand for a missing value as missing ones: text as it is written, numbers by value."""
        if cells.dtype == pl.String:
            present = self._without_marks(cells) if self.missing else cells
            # A mark such as -999 may have the unit, too.
            return present.set(self._is_marked(numbers_with_unit(present, self.unit)), None) if self.unit else present
        if not cells.dtype.is_numeric():
            return cells
        # Most columns have no mark but the empty cell, which is no number.
        marks = self._missing_numbers(cells.dtype) if any(self.missing) else pl.Series()
        return cells if marks.is_empty() else cells.set(cells.is_in(marks.implode()), None)

    def _without_marks(self, cells: pl.Series) -> pl.Series:
        if len(cells) > FEW:
            return cells.set(cells.is_in(list(self.missing)), None)
        present = [None if cell in self.missing else cell for cell in cells.to_list()]
        return pl.Series(cells.name, present, dtype=pl.String)

    def _is_marked(self, numbers: pl.Series) -> pl.Series:
        return self.without_missing(numbers).is_null() & numbers.is_not_null()

    @cached_property
    def _plain_marks(self) -> pl.Series:
        """-999,5 is what the file would write for -999.5, but params.yaml may have it either way."""
        marks = pl.Series([mark for mark in self.missing if mark], dtype=pl.String)
        return plainly(marks, self.decimal, self.thousands).fill_null(marks)

    @cached_property
    def missing_floats(self) -> frozenset[float]:
        """The numbers that stand for a missing one."""
        return frozenset(self._missing_numbers(pl.Float64()).to_list() if any(self.missing) else ())

    def _missing_numbers(self, dtype: pl.DataType) -> pl.Series:
        numbers = self._plain_marks.cast(pl.Float64, strict=False)
        if not dtype.is_integer():
            return numbers.cast(dtype, strict=False).drop_nulls()
        # Digit by digit where they are whole, as they may be larger than any float; and -999.5 must not become -999.
        whole = numbers.set(numbers % 1 != 0, None).cast(dtype, strict=False)
        return self._plain_marks.cast(dtype, strict=False).fill_null(whole).drop_nulls()
