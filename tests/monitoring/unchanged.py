"""Rows of a table in which nothing changes for years, in cells: columns of many kinds, for what looks at them call
drift.

Of fifty columns twenty are normal and go together (correlation 0.7), eight hold one value in nine rows of ten, eight
are categories with rare ones, six have one cell in ten missing, and eight have another level on each day of the week.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.monitoring.cells import CUT_EVERY, CellCuts, Kind, cut
from tasks.monitoring.column_tests import log_p_values
from tasks.monitoring.sequence import SPANS
from tasks.promotion.looks import alpha_of

Floats = NDArray[np.float64]
GROUPS = {"correlated": 20, "ties": 8, "categories": 8, "missing": 6, "seasonal": 8}
_CATEGORIES = 1 / np.arange(1, 40) ** 1.5


@dataclass(frozen=True)
class DrawnColumn:
    """One column: the training rows [S, K], and the rows of each day [D, S, K]."""

    kind: Kind
    known: Floats
    days: Floats


@dataclass(frozen=True)
class RawColumn:
    """One column's values, as floats: training rows, then those of one day after the other; and each row's weekday."""

    group: str
    values: Floats
    weekdays: NDArray[np.int64]


def raw_table(
    seed: int, num_days: int, num_rows: int, num_training: int, shift: float = 0.0, since: int = 0
) -> Iterator[RawColumn]:
    """A table's columns; the last correlated one is moved by `shift` standard deviations from day `since` on."""
    random = np.random.default_rng(seed)
    common = np.sqrt(0.7) * random.normal(size=num_training + num_days * num_rows)
    days = np.repeat(np.arange(num_days), num_rows)
    for group, num_columns in GROUPS.items():
        for number in range(num_columns):
            total = num_training + num_days * num_rows
            weekdays = np.concatenate([random.integers(0, 7, num_training), days % 7])
            values = _values(random, group, total, common, weekdays)
            if group == "correlated" and number == num_columns - 1 and shift:
                values[num_training:][days >= since] += shift
            yield RawColumn(group, values, weekdays)


def table(
    seed: int, num_days: int, num_rows: int, num_training: int, shift: float = 0.0, since: int = 0
) -> list[DrawnColumn]:
    """The same in cells, as a look counts them."""
    return [
        _drawn(raw.values, raw.weekdays if raw.group == "seasonal" else 0 * raw.weekdays, num_training, num_days)
        for raw in raw_table(seed, num_days, num_rows, num_training, shift, since)
    ]


def _values(random: np.random.Generator, group: str, total: int, common: Floats, weekdays: NDArray[np.int64]) -> Floats:
    if group == "correlated":
        return common + np.sqrt(0.3) * random.normal(size=total)
    if group == "ties":
        return np.where(random.random(total) < 0.9, 0.0, random.exponential(size=total))
    if group == "categories":
        return random.choice(len(_CATEGORIES), total, p=_CATEGORIES / _CATEGORIES.sum()).astype(np.float64)
    values = random.normal(size=total)
    if group == "missing":
        return np.where(random.random(total) < 0.1, np.nan, values)
    return values + np.sin(2 * np.pi * weekdays / 7)


def _drawn(values: Floats, strata: NDArray[np.int64], num_training: int, num_days: int) -> DrawnColumn:
    is_category = values[:50].tolist() == np.round(values[:50]).tolist()
    cells = pl.Series("x", values, nan_to_null=True)
    cells = cells.cast(pl.Int64).cast(pl.String) if is_category else cells
    is_cut = np.arange(num_training) % CUT_EVERY == 0
    cuts: CellCuts = cut(cells[:num_training].filter(pl.Series(is_cut)), "category" if is_category else "number")
    num_strata = 7 if strata.any() else 1
    known = cuts.counts(cells[:num_training].filter(pl.Series(~is_cut)), strata[:num_training][~is_cut], num_strata)
    num_rows = (len(values) - num_training) // num_days
    flat = np.repeat(np.arange(num_days), num_rows) * num_strata + strata[num_training:]
    counted = np.bincount(
        flat * cuts.num_cells + cuts.places(cells[num_training:]), minlength=num_days * num_strata * cuts.num_cells
    )
    return DrawnColumn(cuts.kind, known, counted.reshape(num_days, num_strata, cuts.num_cells).astype(np.float64))


def first_alarm(columns: list[DrawnColumn], total: float, begin: int = 0) -> int | None:
    """The first day, from `begin` on, on which looks after each day call any column changed; None where none does.

    Holm's first step, which decides whether there is any, is Bonferroni's.
    """
    num_days = len(columns[0].days)
    least, num_tests = np.zeros(num_days), np.zeros(num_days)
    for column in columns:
        for span in SPANS:
            sums = np.cumsum(column.days, axis=0)
            of_span = sums[span - 1 :] - np.concatenate([np.zeros_like(sums[:1]), sums[:-span]])
            logs = log_p_values(column.kind, of_span, np.broadcast_to(column.known, of_span.shape))
            least[span - 1 :] = np.minimum(least[span - 1 :], logs.min(axis=-1))
            num_tests[span - 1 :] += logs.shape[-1]
    levels = np.array([alpha_of(day + 1, total) for day in range(num_days)]) / num_tests
    alarms = np.flatnonzero((least <= np.log(levels)) & (np.arange(num_days) >= begin))
    return int(alarms[0]) if len(alarms) else None
