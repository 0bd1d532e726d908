"""Outliers: numbers beyond bounds that their column's other numbers set; isolation.py judges whole rows.

The target has no say in it. Missing numbers are no outliers.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.cleaning.findings import ROW, Found, Parts, found_rows, nothing_found
from tasks.cleaning.isolation import RULE
from tasks.columns.base import round_significant
from tasks.columns.quantiles import Histogram, histogram, merged
from tasks.params.clean import Outliers

_IQR_FACTOR = 1.5
"""Tukey, Exploratory Data Analysis, 1977: the inner fences."""

_MAD_FACTOR = 3.5
"""Iglewicz and Hoaglin, How to Detect and Handle Outliers, 1993: the modified z-score that they call an outlier."""

_MAD_OF_NORMAL = 0.6745
"""A normal distribution's MAD in standard deviations, as in their modified z-score 0.6745 * (x - median) / MAD."""


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What is below `low` or above `high` is an outlier; `spread` is the unit in which the distance is told."""

    low: float
    high: float
    spread: float
    method: str


def learn_bounds(parts: Parts, columns: Mapping[str, Outliers]) -> dict[str, Bounds | None]:
    """The bounds of each column with its own settings, from all its finite numbers, rounded to 12 significant digits.

    iqr: q1 - factor * (q3 - q1) and q3 + factor * (q3 - q1). mad: median -+ factor * MAD / 0.6745, MAD being the median
    distance from the median. Quantiles are exact up to 16,384 distinct numbers, and finely rounded beyond (see
    tasks.columns.quantiles). None for a column without numbers, without spread (the quartiles are the same number, or
    most numbers are the median), or with bounds that no double holds.
    """
    seen = {name: histogram(np.empty(0)) for name in columns}
    for part in parts():
        for name in columns:
            values = part[name]
            seen[name] = merged(seen[name], histogram(values.filter(values.is_finite()).to_numpy()))
    return {name: _bounds(seen[name], settings) for name, settings in columns.items()}


def outside(parts: Parts, bounds: Mapping[str, Bounds | None]) -> Found:
    """Rows with a number beyond its column's bounds; of several, the one that is farthest in spreads.

    The score is the distance beyond the bound in spreads: interquartile ranges (iqr) or MADs / 0.6745 (mad).
    """
    known = {name: one for name, one in bounds.items() if one is not None}
    found = [_outside(part, known) for part in parts()] if known else []
    return pl.concat([nothing_found(), *found])


def _bounds(seen: Histogram, settings: Outliers) -> Bounds | None:
    if not seen.count:
        return None
    match settings.method:
        case "iqr":
            low, high = (float(quartile) for quartile in seen.quantiles(np.array([0.25, 0.75])))
            spread, reach = high - low, settings.factor or _IQR_FACTOR
        case "mad":
            low = high = seen.quantile(0.5)
            spread, reach = _mad(seen, low) / _MAD_OF_NORMAL, settings.factor or _MAD_FACTOR
        case _:
            raise AssertionError(f"{settings.method} has no bounds")
    low, high = low - reach * spread, high + reach * spread
    if spread == 0 or not all(map(math.isfinite, (low, high, spread))):
        return None
    rounded = (round_significant(value) for value in (low, high, spread))
    return Bounds(**dict(zip(("low", "high", "spread"), rounded, strict=True)), method=settings.method)


def _mad(seen: Histogram, median: float) -> float:
    """The median distance from the median."""
    values, counts = seen.weighted_values()
    with np.errstate(over="ignore"):
        distances = np.abs(values - median)
    order = np.argsort(distances, kind="stable")
    ends = np.cumsum(counts[order])
    middle = np.array([(seen.count - 1) // 2, seen.count // 2])
    low, high = distances[order][np.searchsorted(ends, middle, side="right")]
    return float(low / 2 + high / 2)


def _outside(part: pl.DataFrame, bounds: Mapping[str, Bounds]) -> Found:
    """The rows of one part that are beyond any of the bounds."""
    numbers = np.stack([_numbers(part[name], one) for name, one in bounds.items()], axis=1)
    beyond = np.stack([_beyond(numbers[:, place], one) for place, one in enumerate(bounds.values())], axis=1)
    rows = np.flatnonzero((beyond > 0).any(axis=1))
    farthest = np.argmax(beyond[rows], axis=1)
    names = list(bounds)
    told = [(names[column], value) for column, value in zip(farthest, numbers[rows, farthest].tolist(), strict=True)]
    reasons = [_reason(name, value, bounds[name]) for name, value in told]
    scores = [round_significant(score) for score in beyond[rows, farthest].tolist()]
    return found_rows(part[ROW].gather(rows), RULE, reasons, scores)


def _numbers(values: pl.Series, bounds: Bounds) -> NDArray[np.float64]:
    """[N], with a number that is no outlier in the place of a missing one."""
    return values.fill_nan(None).fill_null(bounds.low).to_numpy()


def _beyond(numbers: NDArray[np.float64], bounds: Bounds) -> NDArray[np.float64]:
    """How far beyond its bound each number is [N], in spreads; 0 or less when it is not."""
    with np.errstate(over="ignore"):
        distance = np.maximum(bounds.low - numbers, numbers - bounds.high) / bounds.spread
    return distance.clip(max=sys.float_info.max)


def _reason(name: str, value: float, bounds: Bounds) -> str:
    side, bound = ("above", bounds.high) if value > bounds.high else ("below", bounds.low)
    short, limit = f"{value:g}", f"{bound:g}"
    return f"{name} is {short if short != limit else repr(value)}, {side} {limit} ({bounds.method})"
