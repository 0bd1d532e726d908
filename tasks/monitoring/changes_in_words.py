"""What has surely changed of a column, in a sentence with the numbers of now and of the training rows."""

from __future__ import annotations

import numpy as np

from tasks.monitoring.column_tests import quantiles, shares_of_cells
from tasks.monitoring.sequence import KnownColumn, SureChange
from tasks.monitoring.tail_bounds import Floats
from tasks.wording import number, percent


def in_words(change: SureChange, column: KnownColumn, window: Floats) -> str:
    """Such as `age: half of the values lie below some 41.2, and did below some 38`: values are known by their cells, so
    that a quantile may be off by the width of one. `window` [S, K] are the rows that say so."""
    # Of training rows those of the same days of the week.
    known = column.counts * (window.sum(axis=-1, keepdims=True) > 0)
    name = f"the length of {column.cuts.name}" if column.cuts.kind == "length" else column.cuts.name
    now, before = shares_of_cells(window), shares_of_cells(known)
    match change.test:
        case "level":
            values = [quantiles(column.cuts, counts, [0.5])[0] for counts in (window, known)]
            text = f"half of the values lie below some {number(values[0])}, and did below some {number(values[1])}"
        case "spread":
            ends = [quantiles(column.cuts, counts, [0.25, 0.75]) for counts in (window, known)]
            spans = [f"{number(low)} to {number(high)}" for low, high in ends]
            text = f"the middle half of the values goes from some {spans[0]}, and went from some {spans[1]}"
        case "missing":
            text = f"missing in {percent(now[-1])} of the rows, and was in {percent(before[-1])}"
        case "below" | "above":
            cell = 0 if change.test == "below" else -2
            edge = column.cuts.edges[0 if change.test == "below" else -1]
            text = (
                f"{change.test} {number(edge)} in {percent(now[cell])} of the rows, and was in {percent(before[cell])}"
            )
        case title:
            cell = column.cuts.titles.index(title)
            text = f"{title} in {percent(now[cell])} of the rows, and was in {percent(before[cell])}"
    return f"{name}: {text}"


def is_larger(column: KnownColumn, window: Floats) -> bool:
    """Whether the numbers of a window have gone up, by their mean rank among all."""
    pooled = window.sum(axis=0) + column.counts.sum(axis=0)
    ranks = np.cumsum(pooled[:-1]) - pooled[:-1] / 2
    of_window = np.average(ranks, weights=window.sum(axis=0)[:-1])
    of_known = np.average(ranks, weights=column.counts.sum(axis=0)[:-1])
    return bool(of_window > of_known)
