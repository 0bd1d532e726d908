"""Whether rows of a window may be of the same distribution as the training rows, column by column, by counts in cells.

Of a number: its ranks (as Mann and Whitney have them, summed over strata as by E. van Elteren, 1960), how far these are
from the middle (as A. Mood has it, 1954), and the shares of what is missing, or below or above all that is known. Of a
category: the share of each. Every p-value is a bound that holds at any level (tasks.monitoring.tail_bounds).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.monitoring.cells import CellCuts, Counts, Kind
from tasks.monitoring.tail_bounds import Floats, log_tail, log_tail_of_share

_TWO_SIDES = math.log(2.0)
_OF_NUMBERS = ("level", "spread", "missing", "below", "above")


def tests_of(cuts: CellCuts) -> tuple[str, ...]:
    """What is asked of such a column, in the order of `log_p_values`: the cells' titles, where each has its test."""
    if cuts.kind in ("number", "length"):
        return _OF_NUMBERS
    return cuts.titles if cuts.kind == "category" else ("missing",)


def log_p_values(kind: Kind, window: Floats, reference: Floats) -> Floats:
    """The logarithms of p-values, [..., T], of rows [..., S, K] in cells beside those of training rows."""
    if kind in ("number", "length"):
        return _of_numbers(window, reference)
    two_sided = _of_shares(window, reference)
    # Of two cells, there and missing, one says it all.
    return two_sided if kind == "category" else two_sided[..., -1:]


def _of_numbers(window: Floats, reference: Floats) -> Floats:
    present, known = window[..., :-1], reference[..., :-1]
    ranks = _relative_ranks(present + known)
    level = log_tail(ranks, present, known) + _TWO_SIDES
    spread = log_tail((ranks - 0.5) ** 2, present, known) + _TWO_SIDES
    missing = _of_shares(window, reference)[..., -1]
    num_window, num_reference = present.sum(axis=-1), known.sum(axis=-1)
    below, above = (
        log_tail_of_share(present[..., cell], known[..., cell], num_window, num_reference)[0] for cell in (0, -1)
    )
    logs: Floats = np.minimum(np.stack([level, spread, missing, below, above], axis=-1), 0.0)
    return logs


def _of_shares(window: Floats, reference: Floats) -> Floats:
    """Of each cell by itself, two-sided: [..., K]."""
    num_window, num_reference = window.sum(axis=-1), reference.sum(axis=-1)
    cells = [
        log_tail_of_share(window[..., cell], reference[..., cell], num_window, num_reference).min(axis=0)
        for cell in range(window.shape[-1])
    ]
    logs: Floats = np.minimum(np.stack(cells, axis=-1) + _TWO_SIDES, 0.0)
    return logs


def _relative_ranks(pooled: Floats) -> Floats:
    """The mean rank of each cell's rows as a share of all, [..., S, K]: 0 to 1, one half on average."""
    total = np.maximum(pooled.sum(axis=-1, keepdims=True), 1.0)
    ranks: Floats = (np.cumsum(pooled, axis=-1) - pooled / 2) / total
    return ranks


def quantiles(cuts: CellCuts, counts: Counts, shares: Sequence[float]) -> list[float]:
    """The numbers below which these shares of the rows lie, as finely as the cells tell; NaN without numbers."""
    rows = counts[:, :-1].sum(axis=0)
    if not rows.sum():
        return [math.nan] * len(shares)
    # A cell's rows are taken as evenly spread over it; of those beyond all edges nothing more is known.
    ends = np.array([cuts.edges[0], *cuts.edges, cuts.edges[-1]])
    cumulated = np.concatenate([[0.0], np.cumsum(rows)]) / rows.sum()
    return [float(value) for value in np.interp(shares, cumulated, ends)]


def shares_of_cells(counts: Counts) -> NDArray[np.float64]:
    """The share of the rows in each cell, [K]."""
    rows = counts.sum(axis=0)
    shares: Floats = rows / max(float(rows.sum()), 1.0)
    return shares
