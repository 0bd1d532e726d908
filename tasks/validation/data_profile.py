"""What a table's columns hold, in small: a profile that merges over parts, for drafting suites and for seeing drift."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import polars as pl
from pydantic import AliasChoices, Field

from tasks.columns import column_type
from tasks.columns.base import round_significant
from tasks.columns.moments import Moments, moments
from tasks.columns.quantiles import Histogram, extended
from tasks.params.config import ColumnTypeName, Config, Role
from tasks.tables.dataset import Column, Dataset
from tasks.validation.bins import Bins, bins_of

NUM_CATEGORIES = 1_000
"""Categories that a profile names, the most frequent ones."""

_NUM_COUNTED = 100_000
"""Different categories that are counted; those that first come after so many are not."""

WITHOUT_VALUES: tuple[Role, ...] = ("id", "group", "time", "split")
"""New rows bring new ids, groups and times: what was seen of their values says nothing about the next."""


class ColumnProfile(Config):
    """One column: `missing` is the share of rows without a value; what does not fit the column's type is None.

    Mean, standard deviation and bins are of numbers, and of the lengths of texts.
    """

    type: ColumnTypeName
    missing: float
    minimum: float | str | None = None
    maximum: float | str | None = None
    mean: float | None = None
    # A file of accepted data of an earlier version has it as `deviation`.
    std: float | None = Field(None, validation_alias=AliasChoices("std", "deviation"))
    shortest: int | None = None
    longest: int | None = None
    num_categories: int | None = None
    categories: dict[str, int] | None = None
    # What an earlier version accepted has none.
    bins: Bins | None = None


class DataProfile(Config):
    """A whole table; `digest` is its source's."""

    digest: str
    num_rows: int
    columns: dict[str, ColumnProfile]


class ProfileState:
    """A profile in the making, part after part."""

    def __init__(self, dataset: Dataset) -> None:
        self._digest = dataset.source.digest
        self._num_rows = 0
        self._columns = {column.name: _ColumnProfileState(column) for column in dataset.columns}

    def add(self, part: pl.DataFrame, mapped: Callable[..., Iterable[None]] = map) -> None:
        """Takes in one part of the table.

        Its columns by `mapped`, a `map` that may have threads: most of it is sorting, which leaves Python's lock alone.
        """
        self._num_rows += part.height
        for _ in mapped(lambda name: self._columns[name].add(part[name]), self._columns):
            pass

    def profile(self) -> DataProfile:
        """Of all parts so far, the same however the table is cut into them."""
        columns = {name: state.profile(self._num_rows) for name, state in self._columns.items()}
        return DataProfile(digest=self._digest, num_rows=self._num_rows, columns=columns)

    def histograms(self) -> dict[str, Histogram]:
        """All numbers and lengths of texts so far, of columns that have any: too large to be kept with the profile."""
        return {name: state.values for name, state in self._columns.items() if state.values is not None}


def profile_of(dataset: Dataset, parts: Iterable[pl.DataFrame]) -> DataProfile:
    """The profile of a table, a part in memory at a time."""
    state = ProfileState(dataset)
    for part in parts:
        state.add(part)
    return state.profile()


class _ColumnProfileState:
    def __init__(self, column: Column) -> None:
        self._column = column
        self._statistics = column_type(column.type).statistics
        self._num_missing = 0
        self._moments = Moments()
        self.values: Histogram | None = None
        self._extremes: list[Any] = []
        self._lengths: list[int] = []
        self._counts: Counter[str] = Counter()

    def add(self, values: pl.Series) -> None:
        self._num_missing += values.null_count()
        there = values.drop_nulls()
        if self._column.role in WITHOUT_VALUES or there.is_empty():
            return
        # An infinite number would be the extreme of its column and leave it no mean.
        finite = there.filter(there.is_finite()) if there.dtype.is_float() else there
        if "extremes" in self._statistics:
            self._extremes = _extremes(self._extremes, finite)
        if "moments" in self._statistics:
            self._measure(finite)
        if "lengths" in self._statistics:
            lengths = there.str.len_chars()
            self._lengths = _extremes(self._lengths, lengths)
            self._measure(lengths)
        if "categories" in self._statistics:
            self._count(there)

    def _measure(self, values: pl.Series) -> None:
        numbers = values.to_numpy().astype(np.float64)
        self._moments += moments(numbers)
        self.values = extended(self.values, numbers)

    def _count(self, values: pl.Series) -> None:
        # As text only now: there are fewer different ones than rows.
        counts = dict(values.alias("value").value_counts().with_columns(pl.col("value").cast(pl.String)).iter_rows())
        if len(self._counts.keys() | counts.keys()) > _NUM_COUNTED:
            # Which ones are counted is decided by who comes first.
            order = {value: index for index, value in enumerate(values.unique(maintain_order=True).cast(pl.String))}
            new = sorted(counts.keys() - self._counts.keys(), key=order.__getitem__)
            kept = self._counts.keys() | set(new[: max(0, _NUM_COUNTED - len(self._counts))])
            counts = {value: count for value, count in counts.items() if value in kept}
        self._counts.update(counts)

    def profile(self, num_rows: int) -> ColumnProfile:
        statistics: dict[str, Any] = {}
        if self._extremes:
            statistics |= dict(zip(("minimum", "maximum"), map(_written, self._extremes), strict=True))
        if self._moments.count:
            # A single number has no sample standard deviation, and JSON has no NaN.
            std = self._moments.sample_std
            statistics |= {"mean": self._moments.mean, "std": std if math.isfinite(std) else None}
        if self.values is not None and self.values.count:
            statistics |= {"bins": bins_of(self.values)}
        if self._lengths:
            statistics |= dict(zip(("shortest", "longest"), self._lengths, strict=True))
        if "categories" in self._statistics and self._column.role not in WITHOUT_VALUES:
            frequent = sorted(self._counts.items(), key=lambda one: (-one[1], one[0]))[:NUM_CATEGORIES]
            statistics |= {"num_categories": len(self._counts), "categories": dict(frequent)}
        missing = round_significant(self._num_missing / max(num_rows, 1))
        return ColumnProfile(type=self._column.type, missing=missing, **statistics)


def _extremes(before: list[Any], values: pl.Series) -> list[Any]:
    if values.is_empty():
        return before
    own = [values.min(), values.max()]
    return [min(before[0], own[0]), max(before[1], own[1])] if before else own


def _written(extreme: Any) -> float | str:
    return extreme if isinstance(extreme, float) else str(extreme.isoformat())
