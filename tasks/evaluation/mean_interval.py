"""Means and shares of rows, each with the interval that holds it with 95 % confidence on other rows.

By the variance of the sums of units, which are rows, or groups where rows have these (Cochran, Sampling Techniques,
1977, section 6.3: the ratio estimator). A share near 0 or 1 has no symmetric interval: that of Wilson (JASA 22, 1927),
for as many rows as would be as sure if they were drawn one by one (Korn and Graubard, Survey Methodology 24, 1998).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.evaluation.paired_bootstrap import CONFIDENCE
from tasks.evaluation.weighted_metrics import Floats
from tasks.evaluation.wilson import wilson
from tasks.measures import Measure


def mean_of_rows(
    values: NDArray[Any], weights: Floats, groups: NDArray[np.int64] | None = None, of: str | None = None
) -> Measure:
    """The mean of numbers or of truth values [N], by the rows' weights [N], and `of` what it is.

    Rows of weight 0 count for nothing. A single row or group tells nothing of others, and has no interval.
    """
    counted = weights > 0
    values, weights = values[counted], weights[counted]
    units = np.arange(len(values)) if groups is None else np.unique(groups[counted], return_inverse=True)[1]
    mean = float((values * weights).sum() / weights.sum())
    num_rows, num_units = len(values), len(np.unique(units))
    if num_units < 2:
        return Measure(value=mean, num_rows=num_rows, of=of)
    sums = np.bincount(units, weights * (values - mean))
    variance = float(num_units / (num_units - 1) * np.square(sums).sum() / weights.sum() ** 2)
    if values.dtype == np.bool_:
        low, high = _of_share(
            mean, _as_many_rows(mean, variance, num_rows, np.bincount(units, weights).astype(np.float64))
        )
    else:
        reach = _student(num_units) * float(np.sqrt(variance))
        low, high = mean - reach, mean + reach
    return Measure(value=mean, low=low, high=high, num_rows=num_rows, of=of)


def _as_many_rows(share: float, variance: float, num_rows: int, of_units: Floats) -> float:
    """How many rows, drawn one by one and counted the same, would be as sure of the share."""
    if variance == 0:
        # All or none: what is known of their variance is that of their weights.
        return float(of_units.sum() ** 2 / np.square(of_units).sum())
    as_if_drawn = share * (1 - share) / (num_rows - 1)
    of_few_units = (_student(num_rows) / _student(len(of_units))) ** 2
    return min(float(num_rows), float(num_rows * as_if_drawn / variance * of_few_units))


def _of_share(share: float, num_rows: float) -> tuple[float, float]:
    from scipy.stats import norm

    reach = norm.ppf((1 + CONFIDENCE) / 2)
    low, high = wilson(np.array([share]), np.array([num_rows]), np.array([reach]))
    return float(low[0]), float(high[0])


def _student(num_units: int) -> float:
    from scipy.stats import t

    return float(t.ppf((1 + CONFIDENCE) / 2, num_units - 1))
