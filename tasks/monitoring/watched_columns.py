"""Columns beside what is kept of them: the counts of a window's rows, and what windows of such counts have changed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.monitoring.changes_in_words import in_words
from tasks.monitoring.records import ColumnChange, StratumCounts, as_counts
from tasks.monitoring.reference import CountedColumn
from tasks.monitoring.sequence import SPANS, sure_changes
from tasks.monitoring.tail_bounds import Floats

Kept = tuple[StratumCounts, ...]
"""The counts of all watched columns of one window."""


def counts_of(column: CountedColumn, values: pl.Series, strata: NDArray[np.int64] | None = None) -> Floats:
    """How many of the values [N] are in each cell, by the stratum of each row [N]: [S, K]."""
    strata = np.zeros(len(values), dtype=np.int64) if strata is None else strata
    return column.cuts.counts(values, strata, len(column.counts))


def changes_of(columns: Sequence[CountedColumn], windows: Sequence[Kept], total: float) -> tuple[ColumnChange, ...]:
    """What is beyond chance at the look at the last window; all looks together may be wrong with the chance `total`."""
    newest = [_unpacked(columns, window) for window in windows[-SPANS[-1] :]]
    changes = []
    for change in sure_changes([column.known for column in columns], newest, len(windows), total):
        place = change.place
        rows = np.sum([window[place] for window in newest[-change.windows :]], axis=0)
        changes.append(
            ColumnChange(
                place=place,
                column=columns[place].cuts.name,
                test=change.test,
                windows=change.windows,
                p_value=float(f"{change.p_value:.2g}"),
                sentence=in_words(change, columns[place].known, rows),
            )
        )
    return tuple(changes)


def newest_rows(column: CountedColumn, place: int, windows: Sequence[Kept], span: int) -> Floats:
    """The counts [S, K] of so many of the newest windows together."""
    counts: Floats = np.sum([_unpacked([column], (window[place],))[0] for window in windows[-span:]], axis=0)
    return counts


def _unpacked(columns: Sequence[CountedColumn], window: Kept) -> list[Floats]:
    return [
        as_counts(kept, len(column.counts), column.cuts.num_cells) for column, kept in zip(columns, window, strict=True)
    ]


def draws(rows: pl.DataFrame) -> pl.Series:
    """Which rows [N] count as draws of their own: of a group one, as those of one patient or day go together."""
    groups = rows["group_key"]
    return groups.is_null() | groups.is_first_distinct()
