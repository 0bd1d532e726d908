"""What one column's values are, as a state that grows batch by batch; memory does not grow with the rows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from tasks.drafting.sketches import MAX_SKETCHED, Sketch
from tasks.repair import number_text
from tasks.sources.base import NumberFormat

MAX_COUNTED = 1_000
"""Distinct values that are counted one by one; of more, only how many there are."""
# Signs for a missing value are few; more different words than this are what the column holds.
_MAX_NON_NUMERIC = 50
_HEAD = 4_000
"""Values looked at before all of a batch are counted: many distinct ones among them make counting a waste."""


@dataclass(frozen=True, kw_only=True)
class Extremes:
    """The least and the greatest number, and how often each stands there."""

    low: float = math.inf
    high: float = -math.inf
    num_low: int = 0
    num_high: int = 0

    def merge(self, other: Extremes) -> Extremes:
        low, high = min(self.low, other.low), max(self.high, other.high)
        return Extremes(
            low=low,
            high=high,
            num_low=sum(one.num_low for one in (self, other) if one.low == low),
            num_high=sum(one.num_high for one in (self, other) if one.high == high),
        )


@dataclass(frozen=True, kw_only=True)
class ColumnStatistics:
    """One column in all rows so far."""

    num_rows: int = 0
    num_missing: int = 0
    num_numbers: int = 0
    """Values that read as numbers."""
    extremes: Extremes = field(default_factory=Extremes)
    counts: Mapping[Hashable, int] | None = field(default_factory=dict)
    """Of each value as it is written; None beyond MAX_COUNTED of them."""
    non_numeric: Mapping[str, int] | None = field(default_factory=dict)
    """Of each cell that is no number; None when they are many, as in a column of words."""
    off_format: Mapping[str, int] | None = field(default_factory=dict)
    """Of each cell that is not written as the column's dates are; None when they are many."""
    sketch: Sketch = field(default_factory=Sketch)

    @property
    def num_present(self) -> int:
        return self.num_rows - self.num_missing

    @property
    def num_distinct(self) -> int:
        """Exact up to MAX_SKETCHED - 1; a good guess beyond."""
        return len(self.counts) if self.counts is not None else min(self.sketch.num_distinct, self.num_present)

    @property
    def is_exact(self) -> bool:
        return self.counts is not None or self.num_distinct < MAX_SKETCHED

    @property
    def is_unique(self) -> bool:
        """Whether no value comes twice, or next to none do: 3 % either way is what a sketch can be off."""
        # Between three and four standard errors of the sketch.
        slack = 0 if self.is_exact else 0.08
        return self.num_present > 0 and self.num_distinct >= (1 - slack) * self.num_present


def grow(
    state: ColumnStatistics, values: pl.Series, numbers: pl.Series | None, seed: int, times: pl.Series | None = None
) -> ColumnStatistics:
    """With one batch more; `numbers` are the same values as numbers, None for a column of words or bytes.

    `times` are the same values as the column's dates, None where it has none.
    Values that are counted need no sketch yet; those that are not are hashed with that seed.
    """
    # Files are never looked at by value: counting them would keep them in memory.
    counts = None if state.counts is None or values.dtype == pl.Binary else _counted(state.counts, values)
    return ColumnStatistics(
        num_rows=state.num_rows + len(values),
        num_missing=state.num_missing + values.null_count(),
        num_numbers=state.num_numbers + (0 if numbers is None else len(numbers) - numbers.null_count()),
        extremes=state.extremes if numbers is None else state.extremes.merge(_extremes(numbers)),
        counts=counts,
        non_numeric=_count_others(state.non_numeric, values, numbers),
        off_format=_count_others(state.off_format, values, times),
        sketch=state.sketch if counts is not None else _sketched(state, values, seed),
    )


def _sketched(state: ColumnStatistics, values: pl.Series, seed: int) -> Sketch:
    """With the values that were counted so far, once they are too many to be counted."""
    before = state.sketch
    # Else the values so far would be missing from the sketch, which starts empty when counting ends.
    if state.counts:
        before = before.add(pl.Series(list(state.counts), dtype=values.dtype).hash(seed=seed))
    return before.add(values.drop_nulls().hash(seed=seed))


def _counted(counts: Mapping[Hashable, int], values: pl.Series) -> Mapping[Hashable, int] | None:
    present = values.drop_nulls()
    if present.head(_HEAD).n_unique() > MAX_COUNTED:
        return None
    # Renamed, as polars fails on a column called `count`.
    batch = present.alias("value").value_counts()
    if batch.height > MAX_COUNTED:
        return None
    total = Counter(counts)
    total.update(dict(zip(*(column.to_list() for column in batch.get_columns()), strict=True)))
    return total if len(total) <= MAX_COUNTED else None


def _extremes(numbers: pl.Series) -> Extremes:
    # One infinity would hide the greatest number, and that it is frequent.
    finite = numbers.filter(numbers.is_finite())
    if finite.is_empty():
        return Extremes()
    low, high = _float(finite.min()), _float(finite.max())
    return Extremes(low=low, high=high, num_low=int((finite == low).sum()), num_high=int((finite == high).sum()))


def _count_others(
    counts: Mapping[str, int] | None, values: pl.Series, read: pl.Series | None
) -> Mapping[str, int] | None:
    """Of each cell that could not be read; None when they are many."""
    if counts is None or read is None or values.dtype != pl.String:
        return None
    cells = values.filter(read.is_null() & values.is_not_null())
    if cells.is_empty():
        return counts
    if cells.head(_HEAD).n_unique() > _MAX_NON_NUMERIC:
        return None
    total = Counter(counts)
    # Renamed, as polars fails on a column called `count`.
    batch = cells.alias("value").value_counts()
    total.update(dict(zip(*(column.to_list() for column in batch.get_columns()), strict=True)))
    return total if len(total) <= _MAX_NON_NUMERIC else None


def _float(value: Any) -> float:
    return float(value)


def as_numbers(values: pl.Series, written: NumberFormat) -> pl.Series | None:
    """Those of the cells that are numbers, as float64; None for a column that cannot hold any, such as of bytes."""
    if values.dtype == pl.String:
        values = number_text.as_numbers(values, written.decimal, written.thousands)
    elif not values.dtype.is_numeric():
        return None
    # NaN is a sign for a missing value, as ingest takes it, and no number.
    return values.cast(pl.Float64, strict=False).fill_nan(None)
