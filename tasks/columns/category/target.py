"""Categories by what the target was with them: states that merge, smoothed means, and their row in a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.columns.moments import Moments, moments
from tasks.columns.target_statistics import TargetStatistics

_DECIMALS = 10
"""Of shares and of standardized values: what is left of sums in another order lies far below."""

Sums = dict[tuple[str | None, str], np.longdouble]


@dataclass(frozen=True)
class TargetState:
    """How many rows a category has, and what their target adds up to: rows of each class, or values under an empty
    name, in extended precision, so that sums over parts cut elsewhere agree well beyond the digits that are kept."""

    counts: Counter[str | None] = field(default_factory=Counter)
    sums: Sums = field(default_factory=dict)
    numbers: Moments | None = None
    """Of a target that is a number."""

    def __add__(self, other: TargetState) -> TargetState:
        sums = {key: self.sums.get(key, np.longdouble(0)) for key in {**self.sums, **other.sums}}
        for key, value in other.sums.items():
            sums[key] += value
        numbers = self.numbers if other.numbers is None else other.numbers
        if self.numbers is not None and other.numbers is not None:
            numbers = self.numbers + other.numbers
        return TargetState(self.counts + other.counts, sums, numbers)

    def with_missing_as(self, value: str) -> TargetState:
        """The same rows, those without a category counted as this one."""
        counts: Counter[str | None] = Counter({name: count for name, count in self.counts.items() if name is not None})
        own = {key: total for key, total in self.sums.items() if key[0] is not None}
        moved: Sums = {(value, name): total for (category, name), total in self.sums.items() if category is None}
        missing: Counter[str | None] = Counter({value: self.counts[None]})
        return TargetState(counts, own, self.numbers) + TargetState(missing, moved)


def target_state(values: pl.Series, target: pl.Series) -> TargetState:
    """Of one part's categories [N] and raw targets [N]."""
    rows = pl.DataFrame({"value": values, "target": target})
    if not target.dtype.is_float():
        return _class_state(rows)
    present = rows.filter(pl.col("target").is_not_null())
    return _number_state(present["value"], present["target"].cast(pl.Float64))


def scale_of(state: TargetState) -> TargetStatistics:
    """The classes in their order, or mean and standard deviation, which is 1 for a target of one value."""
    if state.numbers is None:
        return TargetStatistics(classes=tuple(sorted({name for _, name in state.sums})))
    center, std = state.numbers.center_and_std
    return TargetStatistics(classes=(), mean=center, std=std or 1.0)


def smoothed(
    state: TargetState, categories: Sequence[str | None], scale: TargetStatistics, smoothing: float
) -> tuple[tuple[float, ...], ...]:
    """A row of numbers for each category, and a last one for all others: the mean of all rows, the prior.

    (sum + smoothing * prior) / (count + smoothing), as Micci-Barreca (2001), "A preprocessing scheme for
    high-cardinality categorical attributes", with the weight count / (count + smoothing). No rows at all: the prior
    is that each class is as likely, or the mean of the target.
    """
    prior = _prior(state, scale)
    table = [_row(state, value, prior, scale, smoothing) for value in categories]
    return (*(_written(row, scale) for row in table), _written(prior, scale))


def _class_state(rows: pl.DataFrame) -> TargetState:
    groups = rows.group_by("value", "target").len().rows()
    counts: Counter[str | None] = Counter()
    for value, _, count in groups:
        counts[value] += count
    return TargetState(counts, {(value, str(name)): np.longdouble(count) for value, name, count in groups})


def _number_state(values: pl.Series, target: pl.Series) -> TargetState:
    # Groups are added up by NumPy, since polars knows no long doubles.
    order = values.arg_sort(nulls_last=True)
    sorted_values = values.gather(order)
    groups = sorted_values.rle_id().to_numpy()
    starts = np.flatnonzero(np.diff(groups, prepend=-1))
    numbers = target.to_numpy()
    names = sorted_values.gather(starts).to_list()
    totals = np.add.reduceat(numbers[order.to_numpy()].astype(np.longdouble), starts) if len(starts) else ()
    sizes = np.diff(starts, append=len(numbers)).tolist()
    sums = {(name, ""): total for name, total in zip(names, totals, strict=True)}
    return TargetState(Counter(dict(zip(names, sizes, strict=True))), sums, moments(numbers))


def _prior(state: TargetState, scale: TargetStatistics) -> NDArray[np.longdouble]:
    count = state.counts.total()
    if not count:
        plain = 1 / len(scale.classes) if scale.classes else scale.mean
        return np.full(len(scale.names), plain, dtype=np.longdouble)
    totals = dict.fromkeys(scale.names, np.longdouble(0))
    for (_, name), value in state.sums.items():
        if name in totals:
            totals[name] += value
    return np.asarray(np.array(list(totals.values())) / count, dtype=np.longdouble)


def _row(
    state: TargetState, value: str | None, prior: NDArray[np.longdouble], scale: TargetStatistics, smoothing: float
) -> NDArray[np.longdouble]:
    weight = state.counts[value] + smoothing
    if not weight:
        return prior
    sums = np.array([state.sums.get((value, name), 0) for name in scale.names], dtype=np.longdouble)
    return np.asarray((sums + smoothing * prior) / weight, dtype=np.longdouble)


def _written(row: NDArray[np.longdouble], scale: TargetStatistics) -> tuple[float, ...]:
    # Adding 0 makes a negative zero a plain one, so that equal means are written alike.
    return tuple(round(float(value), _DECIMALS) + 0.0 for value in (row - scale.mean) / scale.std)
