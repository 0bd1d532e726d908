"""Count, sum, mean and deviation of numbers without rounding: the same however the rows are cut into parts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

_MANTISSA = 53
_LEAST_EXPONENT = -1073
_UNIT = 2 ** (_MANTISSA - _LEAST_EXPONENT)
"""Every finite double is a whole number of 1/_UNIT; so is every sum of them, and every square of 1/_UNIT²."""

_HALF = 27
_GUARD = 128
"""Binary digits that the square root keeps beyond a double's."""

LARGEST_PART = 2**25
"""Numbers in one part: the sums of half mantissas, which are doubles, stay exact up to there."""


@dataclass(frozen=True, kw_only=True)
class ExactMoments:
    """What numbers add up to, exactly: `total` in 1/_UNIT, `squares` in 1/_UNIT². Infinite ones are counted apart."""

    count: int = 0
    total: int = 0
    squares: int = 0
    num_above: int = 0
    num_below: int = 0

    def __add__(self, other: ExactMoments) -> ExactMoments:
        return ExactMoments(
            count=self.count + other.count,
            total=self.total + other.total,
            squares=self.squares + other.squares,
            num_above=self.num_above + other.num_above,
            num_below=self.num_below + other.num_below,
        )

    @property
    def sum(self) -> float:
        """The nearest double to the true sum; infinite as floating point has it."""
        return self._infinite() if self._is_infinite else _as_float(Fraction(self.total, _UNIT))

    @property
    def mean(self) -> float:
        """NaN of no numbers."""
        if self._is_infinite or not self.count:
            return self._infinite()
        return _as_float(Fraction(self.total, _UNIT * self.count))

    @property
    def deviation(self) -> float:
        """The sample's (n - 1), as pandas computes it; NaN of fewer than two numbers, or with infinite ones."""
        if self._is_infinite or self.count < 2:
            return math.nan
        squared_deviations = (self.squares * self.count - self.total**2) << 2 * _GUARD
        root = math.isqrt(squared_deviations // (self.count * (self.count - 1)))
        return _as_float(Fraction(root, _UNIT << _GUARD))

    @property
    def _is_infinite(self) -> bool:
        return bool(self.num_above or self.num_below)

    def _infinite(self) -> float:
        if (self.num_above and self.num_below) or not self._is_infinite:
            return math.nan
        return math.inf if self.num_above else -math.inf


def moments(values: NDArray[np.float64]) -> ExactMoments:
    """Of at most LARGEST_PART numbers, none of them NaN."""
    assert len(values) <= LARGEST_PART
    finite = values[np.isfinite(values)]
    fractions, exponents = np.frexp(finite)
    places = exponents.astype(np.int64) - _LEAST_EXPONENT
    high, low = _halves(fractions * 2.0**_MANTISSA)
    squares = (_added(places, high * high, 2) << 2 * _HALF) + (_added(places, high * low, 2) << _HALF + 1)
    return ExactMoments(
        count=len(values),
        total=(_summed(places, high, 1) << _HALF) + _summed(places, low, 1),
        squares=squares + _added(places, low * low, 2),
        num_above=int(np.isposinf(values).sum()),
        num_below=int(np.isneginf(values).sum()),
    )


def _halves(whole: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Whole numbers below 2^53 as high * 2^27 + low, neither beyond 2^26: doubles hold their products exactly."""
    high = np.rint(whole * 2.0**-_HALF)
    return high, whole - high * 2.0**_HALF


def _added(places: NDArray[np.int64], whole: NDArray[np.float64], power: int) -> int:
    """The sum of `whole` times 2 to the power of `places` (twice that for squares), each of them below 2^53."""
    high, low = _halves(whole)
    return (_summed(places, high, power) << _HALF) + _summed(places, low, power)


def _summed(places: NDArray[np.int64], whole: NDArray[np.float64], power: int) -> int:
    """The same of numbers so small that a double holds the sum of those of one place."""
    sums = np.bincount(places, weights=whole)
    return sum(int(sums[place]) << power * int(place) for place in np.flatnonzero(sums))


def _as_float(exact: Fraction) -> float:
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf
