"""Outliers: numbers beyond bounds that their column's other numbers set, and rows that stand apart as a whole.

The target has no say in it. Missing numbers are no outliers.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.cleaning.findings import ALL_TRAIN, ROW, Findings, Parts, PartStarts, empty_findings, findings_of
from tasks.columns.base import round_significant
from tasks.columns.quantiles import Histogram, extended, histogram
from tasks.params.clean import Outliers
from tasks.tables.row_hashes import row_hashes
from tasks.tables.samples import HASH, StableSample

RULE = "outlier"

_IQR_FACTOR = 1.5
"""Tukey, Exploratory Data Analysis, 1977: the inner fences."""

_MAD_FACTOR = 3.5
"""Iglewicz and Hoaglin, How to Detect and Handle Outliers, 1993: the modified z-score that they call an outlier."""

_MAD_OF_NORMAL = 0.6745
"""A normal distribution's MAD in standard deviations, as in their modified z-score 0.6745 * (x - median) / MAD."""

MOST_ROWS = 50_000
"""That the forest learns from. Each of its trees sees 256 of them, as in the paper: more would hide what stands out."""

_LARGEST = float(np.finfo(np.float32).max)

_DECIMALS = 12
"""To which the forest's scores, in (0, 1), are rounded: the last bits depend on where in a batch a row stands."""


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
    histograms = {name: histogram(np.empty(0)) for name in columns}
    for part in parts():
        for name in columns:
            values = part[name]
            # Infinite numbers have no distance to a bound, and their rows go as unusable in any case.
            histograms[name] = extended(histograms[name], values.filter(values.is_finite()).to_numpy())
    return {name: _bounds(histograms[name], settings) for name, settings in columns.items()}


def outside(parts: Parts, bounds: Mapping[str, Bounds | None]) -> Findings:
    """Rows with a number beyond its column's bounds; of several, the one that is farthest in spreads.

    The score is the distance beyond the bound in spreads: interquartile ranges (iqr) or MADs / 0.6745 (mad).
    """
    known = {name: one for name, one in bounds.items() if one is not None}
    findings = [_outside(part, known) for part in parts()] if known else []
    return pl.concat([empty_findings(), *findings])


def _bounds(numbers: Histogram, settings: Outliers) -> Bounds | None:
    if not numbers.count:
        return None
    match settings.method:
        case "iqr":
            low, high = (float(quartile) for quartile in numbers.quantiles(np.array([0.25, 0.75])))
            # Only a factor of None means the default: the settings refuse 0.
            spread, reach = high - low, settings.factor or _IQR_FACTOR
        case "mad":
            low = high = numbers.quantile(0.5)
            spread, reach = _mad(numbers, low) / _MAD_OF_NORMAL, settings.factor or _MAD_FACTOR
        case _:
            raise AssertionError(f"{settings.method} has no bounds")
    low, high = low - reach * spread, high + reach * spread
    # Without spread every other number would be an outlier; and JSON has no infinite numbers.
    if spread == 0 or not all(map(math.isfinite, (low, high, spread))):
        return None
    # Sums over parts cut elsewhere differ in the last bits, and bounds stand in reports and recipes.
    rounded = (round_significant(value) for value in (low, high, spread))
    return Bounds(**dict(zip(("low", "high", "spread"), rounded, strict=True)), method=settings.method)


def _mad(numbers: Histogram, median: float) -> float:
    """The median distance from the median."""
    values, counts = numbers.weighted_values()
    with np.errstate(over="ignore"):
        # The distance of two finite doubles can be beyond the largest one, and is infinite then.
        distances = np.abs(values - median)
    order = np.argsort(distances, kind="stable")
    ends = np.cumsum(counts[order])
    # The two middle places, which are one and the same where the count is odd.
    middle = np.array([(numbers.count - 1) // 2, numbers.count // 2])
    low, high = distances[order][np.searchsorted(ends, middle, side="right")]
    # Halved first: the sum of two large doubles could overflow.
    return float(low / 2 + high / 2)


def _outside(part: pl.DataFrame, bounds: Mapping[str, Bounds]) -> Findings:
    """The rows of one part that are beyond any of the bounds."""
    numbers = np.stack([_numbers(part[name], one) for name, one in bounds.items()], axis=1)
    beyond = np.stack([_beyond(numbers[:, place], one) for place, one in enumerate(bounds.values())], axis=1)
    rows = np.flatnonzero((beyond > 0).any(axis=1))
    # One finding a row: of several columns that one which is farthest out.
    farthest = np.argmax(beyond[rows], axis=1)
    names = list(bounds)
    extremes = [
        (names[column], value) for column, value in zip(farthest, numbers[rows, farthest].tolist(), strict=True)
    ]
    reasons = [_reason(name, value, bounds[name]) for name, value in extremes]
    scores = [round_significant(score) for score in beyond[rows, farthest].tolist()]
    return findings_of(part[ROW].gather(rows), RULE, reasons, scores)


def _numbers(values: pl.Series, bounds: Bounds) -> NDArray[np.float64]:
    """[N], with a number that is no outlier in the place of a missing one."""
    return values.fill_nan(None).fill_null(bounds.low).to_numpy()


def _beyond(numbers: NDArray[np.float64], bounds: Bounds) -> NDArray[np.float64]:
    """How far beyond its bound each number is [N], in spreads; 0 or less when it is not."""
    with np.errstate(over="ignore"):
        distance = np.maximum(bounds.low - numbers, numbers - bounds.high) / bounds.spread
    # Of an infinite number too: scores are sorted and compared.
    return distance.clip(max=sys.float_info.max)


def _reason(name: str, value: float, bounds: Bounds) -> str:
    side, bound = ("above", bounds.high) if value > bounds.high else ("below", bounds.low)
    # Six digits are easier to read, but must not make a number look like the bound that it is beyond.
    short, limit = f"{value:g}", f"{bound:g}"
    return f"{name} is {short if short != limit else repr(value)}, {side} {limit} ({bounds.method})"


def isolated(parts: Parts, columns: Sequence[str], settings: Outliers, starts: PartStarts = ALL_TRAIN) -> Findings:
    """The share of the training rows that stand out most, by all their numbers; of rows that tie at the limit, none.
    Of the rows that are judged on, those that stand out as much.

    A row's score is s(x) of an isolation forest (Liu, Ting and Zhou, 2008), in (0, 1): near 1 for rows that random
    cuts soon leave alone, 0.5 and less for others. The forest learns from up to `MOST_ROWS` training rows, those
    with the smallest hash; a missing number becomes the column's median among them. Memory: these rows, a part, and
    16 bytes a row.
    """
    known = _learning_rows(parts, columns, starts.train)
    # Without rows or columns there is no forest to fit.
    if known is None or known.is_empty():
        return empty_findings()
    medians = {name: _median(known[name]) for name in columns}
    forest = _forest(_matrix(known, medians), settings.seed)
    scored = [(part[ROW].to_numpy(), _scores(forest, _matrix(part, medians))) for part in parts()]
    rows, scores = (np.concatenate(values) for values in zip(*scored, strict=True))
    # Above and not at the limit: of rows that tie there, none is better a finding than another.
    chosen = scores > _limit(scores[rows >= starts.train], settings.share)
    reasons = [
        f"numbers stand apart from those of other rows (isolation forest, {score:.2f})" for score in scores[chosen]
    ]
    return findings_of(pl.Series(rows[chosen]), RULE, reasons, scores[chosen].tolist())


def _learning_rows(parts: Parts, columns: Sequence[str], first_of_train: int) -> pl.DataFrame | None:
    if not columns:
        return None
    sample = StableSample(MOST_ROWS)
    for whole in parts():
        part = whole.filter(pl.col(ROW) >= first_of_train)
        # A salt of its own, so that the sample does not follow the hash by which `split` cuts.
        rows = part.select(columns).with_columns(row_hashes(part, columns, "isolation_forest").alias(HASH))
        sample.add(sample.wanted(rows))
    return sample.rows()


def _median(values: pl.Series) -> float:
    median = values.fill_nan(None).median()
    # polars answers None for the median of no number.
    return float(median) if isinstance(median, (int, float)) else 0.0


def _matrix(rows: pl.DataFrame, medians: dict[str, float]) -> NDArray[np.float32]:
    """[N, K] float32, as scikit-learn's trees read it; what float32 cannot hold becomes the largest that it can."""
    columns = [rows[name].fill_nan(None).fill_null(median).to_numpy() for name, median in medians.items()]
    return np.stack(columns, axis=1).clip(-_LARGEST, _LARGEST).astype(np.float32)


def _forest(known: NDArray[np.float32], seed: int) -> Any:
    from sklearn.ensemble import IsolationForest

    # Rows of a sample are sorted by hash, so that the forest is the same for any order of the table.
    return IsolationForest(random_state=seed).fit(known)


def _scores(forest: Any, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """[N]; of no rows, none."""
    # scikit-learn refuses to score no rows.
    if not len(rows):
        return np.empty(0)
    return np.asarray(np.round(-forest.score_samples(rows), _DECIMALS))


def _limit(scores: NDArray[np.float64], share: float) -> float:
    """The score that no more than this share of the rows surpass."""
    # Rounded before it is cut: 0.29 * 100 is 28.999999999999996.
    num_most = int(round(share * len(scores), 6))
    return float(np.partition(scores, len(scores) - 1 - num_most)[len(scores) - 1 - num_most])
