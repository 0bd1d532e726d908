"""Many columns, looked at window after window for years: which have surely drifted, though every look might be wrong.

All looks of a version's life together call anything drift that is none with a chance of `false_alarms` at most. The
t-th look may spend one part of t (t + 1) of it (as a champion's looks do, tasks.promotion.looks), and within a look
Holm's method keeps what it has over all tests of all columns, over the newest window, the newest 7 and the newest 28: a
large change is seen at once, and a small one when enough rows have come. Both hold however the tests hang together: all
windows are compared with the same training rows, and columns with one another.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tasks.holm import holm
from tasks.monitoring.cells import CellCuts, Counts
from tasks.monitoring.column_tests import log_p_values, tests_of
from tasks.promotion.looks import alpha_of

SPANS = (1, 7, 28)
"""Windows that are looked at together."""


@dataclass(frozen=True, kw_only=True)
class KnownColumn:
    """A column as the version knows it: how it is cut into cells, and its training rows in them."""

    cuts: CellCuts
    counts: Counts


@dataclass(frozen=True, kw_only=True)
class SureChange:
    """What has surely changed of the column at a `place`: `test` is one of `tests_of`, `windows` how many of the newest
    say so.

    `p_value` is the bound of this test alone; that it is sure after all of them is why it stands here.
    """

    place: int
    test: str
    windows: int
    p_value: float


def spans(num_windows: int) -> Iterator[int]:
    """How many of the newest windows are looked at together when there are so many."""
    yield from (span for span in SPANS if span <= num_windows)


def sure_changes(
    columns: Sequence[KnownColumn], windows: Sequence[Sequence[Counts]], look: int, total: float
) -> list[SureChange]:
    """What is beyond chance at this look, counted from 1, of which all together may be wrong with the chance `total`.

    `windows` have the counts of each column, the newest window last; 28 of them are enough. The surest change first.
    """
    asked: list[tuple[int, str, int]] = []
    logs: list[float] = []
    for span in spans(len(windows)):
        for place, column in enumerate(columns):
            rows = np.sum([window[place] for window in windows[-span:]], axis=0)
            logs += log_p_values(column.cuts.kind, rows, column.counts).tolist()
            asked += [(place, test, span) for test in tests_of(column.cuts)]
    p_values = np.exp(logs).tolist()
    is_sure = holm(p_values) <= alpha_of(look, total)
    changes = [
        SureChange(place=place, test=test, windows=span, p_value=p_value)
        for (place, test, span), p_value, sure in zip(asked, p_values, is_sure, strict=True)
        if sure
    ]
    return sorted(changes, key=lambda change: change.p_value)
