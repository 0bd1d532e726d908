"""Kinds of rows: those of a value, of a fifth of a column's numbers, or of two such at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.columns import column_type
from tasks.tables.dataset import Column

FEWEST_ROWS = 20
"""Of a slice, and of the rows beside it: of fewer a test would hardly say anything."""
MOST_PAIRS = 200
"""Slices of two columns: each more makes all others harder to be sure of."""
_NUM_BINS = 5
_MOST_VALUES_TO_PAIR = _NUM_BINS + 1
"""Fifths, and the rows without a number."""
_MOST_VALUES = 100
"""Slices of a column of many values: the most frequent ones."""
_LONGEST_VALUE = 60


@dataclass(frozen=True, kw_only=True)
class Partition:
    """Rows told apart by a column or two: `codes` [N] number the slice of each row, -1 for a row in none of them.

    `names` say what the rows of each slice have in common, `single_names` of a pair the slices that it is cut from.
    """

    columns: tuple[str, ...]
    names: tuple[str, ...]
    codes: NDArray[np.int64]
    single_names: tuple[tuple[str, ...], ...] = ()

    @property
    def num_rows(self) -> NDArray[np.int64]:
        """Of each slice."""
        return np.bincount(self.codes + 1, minlength=len(self.names) + 1)[1:]

    def where(self, kept: NDArray[np.bool_]) -> Partition:
        """Of those rows [N] alone; a slice that had others may be small then, or empty."""
        return replace(self, codes=self.codes[kept])

    def only(self, kept: NDArray[np.bool_]) -> Partition:
        """With those slices alone."""
        renumbered = np.append(np.where(kept, np.cumsum(kept) - 1, -1), -1)
        places = np.flatnonzero(kept)
        return Partition(
            columns=self.columns,
            names=tuple(self.names[place] for place in places),
            codes=renumbered[self.codes],
            single_names=tuple(self.single_names[place] for place in places) if self.single_names else (),
        )


def can_be_sliced(column: Column) -> bool:
    """Features of type category, boolean or number, and sensitive columns of any type that has values to name."""
    if column.role == "sensitive":
        return not column_type(column.type).is_media
    return column.role == "feature" and column.type in ("category", "boolean", "number")


def partitions(rows: pl.DataFrame, columns: Sequence[Column]) -> list[Partition]:
    """By each of these columns of a table, then by pairs of them; slices are of FEWEST_ROWS rows or more.

    Pairs are of columns of few values, those of the fewest first: chosen without a look at how the rows are answered,
    so that a test of them is worth what it says.
    """
    singles = [_without_small(by_column(rows[column.name], column)) for column in columns]
    singles = [partition for partition in singles if partition.names]
    return [*singles, *_pairs(singles)]


def by_column(values: pl.Series, column: Column) -> Partition:
    """The slices of one column, however small; those of its 100 most frequent values."""
    if column.type == "number":
        numbers = values.cast(pl.Float64).to_numpy()
        codes, names = _by_number(np.where(np.isfinite(numbers), numbers, np.nan), column.name)
    else:
        codes, names = _by_value(values.cast(pl.String), column)
    return Partition(columns=(column.name,), names=names, codes=codes)


def _without_small(whole: Partition) -> Partition:
    return whole.only(_is_large(whole))


def _by_value(values: pl.Series, column: Column) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """A slice for each of the most frequent values; in numbers, as joins of tables take longer than all else here."""
    numbers = values.cast(pl.Categorical).to_physical().cast(pl.Int64).fill_null(-1).to_numpy()
    _, first_rows, places, num_rows = np.unique(numbers, return_index=True, return_inverse=True, return_counts=True)
    distinct = values.gather(first_rows.tolist()).to_list()
    frequent = sorted(range(len(distinct)), key=lambda place: (-num_rows[place], distinct[place] or ""))[:_MOST_VALUES]
    codes = np.full(len(distinct), -1, dtype=np.int64)
    codes[frequent] = np.arange(len(frequent))
    return codes[places], tuple(_name(column, distinct[place]) for place in frequent)


def _name(column: Column, value: str | None) -> str:
    if value is None:
        return f"{column.name} is missing"
    shown = {"true": "yes", "false": "no"}.get(value, value) if column.type == "boolean" else value
    return f"{column.name} is {shown if len(shown) <= _LONGEST_VALUE else shown[:_LONGEST_VALUE] + '…'}"


def _by_number(values: NDArray[np.float64], name: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Fifths of the values that are there, or each value where there are no more than five; then those without one."""
    is_missing = np.isnan(values)
    there = values[~is_missing]
    distinct = np.unique(there)
    if len(distinct) <= _NUM_BINS:
        codes, names = np.searchsorted(distinct, values), [f"{name} is {_written(value)}" for value in distinct]
    else:
        edges = fifths(there)
        codes, names = np.searchsorted(edges, values, side="left"), list(interval_names(name, edges))
    codes = np.where(is_missing, len(names), codes).astype(np.int64)
    return codes, (*names, f"{name} is missing")


def fifths(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The values at which fifths of these end, ascending, but for the last; each belongs to the fifth that it ends."""
    # Ends that are values of rows: between two of them a name would have more digits than the data.
    shares = np.arange(1, _NUM_BINS) / _NUM_BINS
    edges = np.unique(np.quantile(values, shares, method="inverted_cdf"))
    # Of a column that is mostly its largest value there is nothing beyond the last end.
    return np.asarray(edges[edges < values.max()])


def interval_names(name: str, edges: NDArray[np.float64]) -> Iterator[str]:
    """Of the stretches between these edges, of which there is one at least, and beyond them."""
    written = [_written(edge) for edge in edges]
    yield f"{name} up to {written[0]}"
    for low, high in pairwise(written):
        yield f"{name} over {low}, up to {high}"
    yield f"{name} over {written[-1]}"


def _written(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100_000 else f"{value:.6g}"


def _is_large(partition: Partition) -> NDArray[np.bool_]:
    num_rows = partition.num_rows
    return (num_rows >= FEWEST_ROWS) & (len(partition.codes) - num_rows >= FEWEST_ROWS)


def _pairs(singles: Sequence[Partition]) -> list[Partition]:
    few = [partition for partition in singles if len(partition.names) <= _MOST_VALUES_TO_PAIR]
    by_size = sorted(combinations(few, 2), key=lambda pair: len(pair[0].names) * len(pair[1].names))
    pairs: list[Partition] = []
    num_left = MOST_PAIRS
    for first, second in by_size:
        pair = _pair(first, second)
        num_left -= len(pair.names)
        if num_left < 0:
            break
        pairs += [pair] if pair.names else []
    return pairs


def _pair(first: Partition, second: Partition) -> Partition:
    """Without slices that are all of a slice of either column: these are there already."""
    width = len(second.names)
    codes = np.where((first.codes >= 0) & (second.codes >= 0), first.codes * width + second.codes, -1)
    both = [(one, other) for one in first.names for other in second.names]
    names = tuple(f"{one} and {other}" for one, other in both)
    whole = Partition(columns=first.columns + second.columns, names=names, codes=codes, single_names=tuple(both))
    of_first, of_second = np.repeat(first.num_rows, width), np.tile(second.num_rows, len(first.names))
    return whole.only(_is_large(whole) & (whole.num_rows < np.minimum(of_first, of_second)))
