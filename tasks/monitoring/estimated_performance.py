"""How good answers are before their labels come: as good as test rows were whose answers were as sure.

Test rows are put in cells by how sure their answers were, or of numbers by the answers. A window whose answers fall
more often into a cell is taken to err as the test rows of that cell did: the estimate is post-stratified (Cochran,
Sampling Techniques, 1977, section 5A.9), and takes no probability at its word, only what test rows of such
probabilities came to. NannyML's CBPE and DLE rest on the same assumption, that a row errs as others do whose answers
are alike. Where what the columns mean has changed, and not which rows come, the answers do not tell, and no such
estimate can see it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.monitoring.row_losses import as_metric
from tasks.monitoring.tail_bounds import Floats
from tasks.params.config import Config
from tasks.params.monitor import LossName

ROWS_OF_CELL = 50
"""Test rows of a cell on average: fewer would make its mean a matter of chance."""
MOST_CELLS = 20
_TWO_SIDED = 0.975


@dataclass(frozen=True, kw_only=True)
class JudgedAnswers:
    """The test rows, whose labels are known: how sure the answers were [M], what each row adds to the metrics [M].

    `weights` [M] say how much a row counts, `units` [M] which rows go together.
    """

    confidence: Floats
    losses: Mapping[LossName, Floats]
    weights: Floats
    units: NDArray[np.int64]


class EstimatedMetric(Config):
    """What a metric of a window will be when its labels are there: with 95 % confidence from `low` to `high`.

    `beyond` is the share of its rows whose answers are beyond all test rows', of which the estimate knows least.
    """

    metric: LossName
    value: float
    low: float
    high: float
    num_rows: int
    beyond: float


def estimated(confidence: Floats, judged: JudgedAnswers) -> tuple[EstimatedMetric, ...]:
    """The metrics of a window of answers that are so sure, [N]. None of no rows, or of fewer than two test rows."""
    counted = judged.weights > 0
    if not len(confidence) or counted.sum() < 2:
        return ()
    edges = _edges(judged.confidence[counted])
    known, asked = (np.searchsorted(edges, one, side="right") for one in (judged.confidence[counted], confidence))
    num_cells = len(edges) + 1
    shares = np.bincount(asked, minlength=num_cells) / len(confidence)
    weights, units = judged.weights[counted], np.unique(judged.units[counted], return_inverse=True)[1]
    ends = judged.confidence[counted].min(), judged.confidence[counted].max()
    beyond = float(((confidence < ends[0]) | (confidence > ends[1])).mean())
    return tuple(
        _estimated(name, values[counted], _Cells(known, shares, weights, units, len(confidence)), beyond)
        for name, values in judged.losses.items()
    )


@dataclass(frozen=True)
class _Cells:
    """The cell of each test row [M], the window's shares of the cells [K], weights and units of test rows [M]."""

    known: NDArray[np.int64]
    shares: Floats
    weights: Floats
    units: NDArray[np.int64]
    num_rows: int


def _estimated(name: LossName, values: Floats, cells: _Cells, beyond: float) -> EstimatedMetric:
    from scipy.stats import norm

    num_cells = len(cells.shares)
    totals = np.bincount(cells.known, cells.weights, num_cells)
    means = np.bincount(cells.known, cells.weights * values, num_cells) / totals
    mean = float((cells.shares * means).sum())
    away = values - means[cells.known]
    # One row more in each cell, as far off as all are: fifty right answers do not make the next one certain.
    overall = np.average((values - np.average(values, weights=cells.weights)) ** 2, weights=cells.weights)
    num_known = np.bincount(cells.known, minlength=num_cells)
    spread = (np.bincount(cells.known, away**2, num_cells) + overall) / num_known
    of_test_rows = _variance_of_means(away, cells) + float((cells.shares**2 * overall / num_known**2).sum())
    of_window = float((cells.shares * spread).sum()) / cells.num_rows
    # By the mean of all alike rows each row also differs by the cell that it is in; that is known, and no error.
    reach = float(norm.ppf(_TWO_SIDED)) * float(np.sqrt(of_test_rows + of_window))
    low, high = mean - reach, mean + reach
    bounds = (0.0, 1.0) if name == "accuracy" else (0.0, np.inf)
    low, high = (float(np.clip(end, *bounds)) for end in (low, high))
    return EstimatedMetric(
        metric=name,
        value=as_metric(name, mean),
        low=as_metric(name, low),
        high=as_metric(name, high),
        num_rows=cells.num_rows,
        beyond=beyond,
    )


def _variance_of_means(away: Floats, cells: _Cells) -> float:
    """Of the weighted sum of the cells' means, by the sums of units, which are rows or groups of them."""
    totals = np.bincount(cells.known, cells.weights, len(cells.shares))
    parts = cells.shares[cells.known] * cells.weights * away / totals[cells.known]
    sums = np.bincount(cells.units, parts)
    num_units = len(sums)
    return float(num_units / max(num_units - 1, 1) * (sums**2).sum())


def _edges(confidence: Floats) -> Floats:
    """Between cells of about as many test rows each; of answers that are often the same, fewer."""
    num_cells = int(np.clip(len(confidence) // ROWS_OF_CELL, 1, MOST_CELLS))
    edges = np.unique(np.quantile(confidence, np.arange(1, num_cells) / num_cells, method="inverted_cdf"))
    # Each cell must have test rows, also the first.
    kept: Floats = edges[edges > confidence.min()]
    return kept
