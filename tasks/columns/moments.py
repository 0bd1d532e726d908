"""Count, mean, spread and range of numbers, as states that merge: what several column types standardize by."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.columns.base import round_significant

LEAST_WIDTH = 1e-300
"""What is narrower is one value: dividing by it would overflow."""

_ZERO = np.longdouble(0)


@dataclass(frozen=True)
class Moments:
    """Count, moments and range of the numbers seen; `m2` is the sum of squared differences from the mean.

    In extended precision where the machine has it: sums over parts cut elsewhere then agree well beyond the digits that
    are kept, and the squares of large numbers do not overflow.
    """

    count: int = 0
    mean: np.longdouble = _ZERO
    m2: np.longdouble = _ZERO
    minimum: float = math.inf
    maximum: float = -math.inf

    @property
    def half_spread(self) -> float:
        """Half of the range, which unlike the range itself cannot overflow."""
        return self.maximum / 2 - self.minimum / 2

    @property
    def rounded_mean(self) -> float:
        """To 12 digits of the largest number: when numbers cancel out, what is left of them is noise."""
        magnitude = max(abs(self.minimum), abs(self.maximum))
        if magnitude < LEAST_WIDTH:
            return 0.0
        return round(float(self.mean), 11 - math.floor(math.log10(magnitude)))

    @property
    def center_and_deviation(self) -> tuple[float, float]:
        """Mean and standard deviation; of a single value that value and 0, without what rounding would add."""
        if self.half_spread > 0:
            return self.rounded_mean, round_significant(float(np.sqrt(self.m2 / self.count)))
        return self.minimum, 0.0


def moments(values: NDArray[np.float64]) -> Moments:
    """The moments of one part's values [N], none of which is missing."""
    if not len(values):
        return Moments()
    precise = values.astype(np.longdouble)
    mean = precise.mean()
    precise -= mean
    return Moments(len(values), mean, np.dot(precise, precise), float(values.min()), float(values.max()))


def weighted_moments(values: NDArray[np.float64], counts: NDArray[np.int64]) -> Moments:
    """The moments of values [K] each of which was seen so many times [K], at least once."""
    count = int(counts.sum())
    precise, weights = values.astype(np.longdouble), counts.astype(np.longdouble)
    mean = np.dot(precise, weights) / count
    precise -= mean
    return Moments(count, mean, np.dot(precise * weights, precise), float(values.min()), float(values.max()))


def merged(first: Moments, second: Moments) -> Moments:
    """Chan, Golub and LeVeque (1979): pairwise update of mean and squared differences."""
    count = first.count + second.count
    if count == 0:
        return first
    delta = second.mean - first.mean
    return Moments(
        count=count,
        mean=first.mean + delta * second.count / count,
        m2=first.m2 + second.m2 + delta**2 * first.count * second.count / count,
        minimum=min(first.minimum, second.minimum),
        maximum=max(first.maximum, second.maximum),
    )


def factor_and_offset(center: float, width: float) -> tuple[float, float]:
    """What makes (x - center) / width of x as x * factor + offset; without a width, x - center."""
    factor = 1 / width if width >= LEAST_WIDTH else 1.0
    return factor, 0.0 - center * factor
