"""How sure a difference between two models is: the same test rows, drawn anew many times, answered by both.

The paired bootstrap of Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapters 8 and 13: what makes both
models right or wrong on a row is drawn with the row, so only what sets them apart is left in the difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.evaluation.weighted_metrics import Floats, OfWeights
from tasks.params.config import Metric

CONFIDENCE = 0.95
NUM_RESAMPLES = 1_000
"""The ends of an interval then move by some 2 % of its width from seed to seed."""
FEWER_RESAMPLES = 200
"""Where many intervals are asked for: their ends then move by some 5 % of the width."""
_SEED = 0
"""The same rows and answers must give the same decision, whenever it is made."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """Where the difference lies with 95 % confidence; `num_units` rows or groups were drawn."""

    low: float
    high: float
    num_units: int


def paired_interval(
    first: OfWeights, second: OfWeights, weights: Floats, groups: NDArray[np.int64] | None = None
) -> Interval | None:
    """The interval of first - second, both metrics of the same rows with these weights [N]; None where there is none.

    With `groups`, the number of each row's group [N] from 0 on, groups are drawn as a whole: rows of one patient or one
    day are no evidence of their own. One row or group alone tells nothing of the others, and has no interval.
    """
    return interval_of(resampled_differences(first, second, weights, groups, NUM_RESAMPLES), num_units(weights, groups))


def num_units(weights: Floats, groups: NDArray[np.int64] | None) -> int:
    """How many rows, or groups of them, are drawn."""
    return len(weights) if groups is None else int(groups.max()) + 1


def interval_of(differences: Floats, units: int) -> Interval | None:
    """The interval of a difference, by its resamples [B] of so many units; None of one unit, and of none defined."""
    defined = differences[~np.isnan(differences)]
    if units < 2 or not len(defined):
        return None
    tail = _tail(units)
    low, high = np.quantile(defined, [tail, 1 - tail])
    return Interval(low=float(low), high=float(high), num_units=units)


def interval_of_largest(values: Floats, resampled: Floats, units: int) -> Interval | None:
    """Where the largest of K true values lies, by estimates [K] and their resamples [B, K] on the same draws.

    The largest of several estimates is larger than the largest truth more often than not, so the intervals of all K
    hold together: each reaches as many standard errors as the largest deviation of any does (White, A Reality Check for
    Data Snooping, Econometrica 68, 2000; studentized as by Romano and Wolf, Econometrica 73, 2005). The largest true
    value then lies between the largest lower end and the largest upper one. None where nobody knows.
    """
    defined = resampled[~np.isnan(resampled).any(axis=1)]
    if units < 2 or len(defined) < 2:
        return None
    errors = defined.std(axis=0, ddof=1)
    # Of what no draw moves nothing is in doubt.
    moving = errors > 0
    deviations = np.abs(defined[:, moving] - values[moving]) / errors[moving]
    reach = float(np.quantile(deviations.max(axis=1), 1 - 2 * _tail(units))) if moving.any() else 0.0
    low, high = values - reach * errors, values + reach * errors
    return Interval(low=float(low.max()), high=float(high.max()), num_units=units)


def resampled_differences(
    first: OfWeights, second: OfWeights, weights: Floats, groups: NDArray[np.int64] | None, num_resamples: int
) -> Floats:
    """first - second on as many resamples [B], NaN on which a metric is undefined."""
    return np.array(
        [first(drawn) - second(drawn) if drawn.any() else np.nan for drawn in resamples(weights, groups, num_resamples)]
    )


def resampled_error(
    first: OfWeights, second: OfWeights, weights: Floats, groups: NDArray[np.int64] | None
) -> float | None:
    """The standard error of first - second; None where it is undefined on all resamples but one at most."""
    units = num_units(weights, groups)
    differences = resampled_differences(first, second, weights, groups, NUM_RESAMPLES)
    defined = differences[~np.isnan(differences)]
    if units < 2 or len(defined) < 2:
        return None
    # A resample varies as the sample does, by (n - 1) / n too little.
    return float(defined.std(ddof=1) * np.sqrt(units / (units - 1)))


def intervals(
    metrics: Mapping[Metric, OfWeights], weights: Floats, groups: NDArray[np.int64] | None, num_resamples: int
) -> dict[Metric, tuple[float, float] | None]:
    """Where each of several metrics of the same rows lies, by the same resamples; None where there is no interval."""
    units = num_units(weights, groups)
    if units < 2:
        return dict.fromkeys(metrics)
    drawn_values = np.array(
        [
            [value(drawn) for value in metrics.values()] if drawn.any() else [np.nan] * len(metrics)
            for drawn in resamples(weights, groups, num_resamples)
        ]
    )
    tail = _tail(units)
    return {name: _ends(drawn_values[:, place], tail) for place, name in enumerate(metrics)}


def _ends(drawn_values: Floats, tail: float) -> tuple[float, float] | None:
    defined = drawn_values[~np.isnan(drawn_values)]
    if not len(defined):
        return None
    low, high = np.quantile(defined, [tail, 1 - tail])
    return float(low), float(high)


def resamples(weights: Floats, groups: NDArray[np.int64] | None, num_resamples: int) -> Iterator[Floats]:
    """How much each row counts [N] in each of as many draws of rows, or of whole groups."""
    random = np.random.default_rng(_SEED)
    units = num_units(weights, groups)
    for _ in range(num_resamples):
        counts = np.bincount(random.integers(units, size=units), minlength=units)
        yield weights * (counts if groups is None else counts[groups])


def num_units_of_rarest_class(y_true: NDArray[np.int64], weights: Floats, groups: NDArray[np.int64] | None) -> int:
    """How many rows, or groups, with a weight are of the class [N] that has fewest: of figures that classes are behind
    one by one, resamples hardly vary where a class has one row."""
    counted = weights > 0
    units = np.arange(len(y_true)) if groups is None else groups
    pairs = np.unique(np.column_stack([y_true, units])[counted], axis=0)
    return int(np.unique(pairs[:, 0], return_counts=True)[1].min()) if len(pairs) else 0


def group_numbers(values: pl.Series) -> NDArray[np.int64]:
    """The number of each row's group, from 0 on; a row without one is one of its own."""
    known = values.rank("dense").cast(pl.Int64) - 1
    alone = values.is_null().cum_sum().cast(pl.Int64) - 1 + known.n_unique() - min(1, values.null_count())
    return known.zip_with(known.is_not_null(), alone).to_numpy().astype(np.int64)


def _tail(units: int) -> float:
    """The share of resamples beyond each end of the interval.

    Percentiles as they are would make it too narrow where units are few: a resample varies as the sample does, by
    (n - 1) / n too little, and as if its variance were known. Both are made up for by the quantile of Student's
    distribution (Hesterberg, What Teachers Should Know About the Bootstrap, 2015, section 3.3: the expanded
    percentile interval); of 1,000 units hardly anything is left of it.
    """
    from scipy.stats import norm, t

    reach = np.sqrt(units / (units - 1)) * t.ppf((1 + CONFIDENCE) / 2, units - 1)
    return float(norm.cdf(-reach))
