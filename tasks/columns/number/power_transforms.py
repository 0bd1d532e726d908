"""Curves that make skewed numbers even: the logarithm, Yeo and Johnson's power, and the quantile level.

Every curve rises, goes through 0 (but for quantile levels), and has a value for every double; where that is beyond a
double it is infinite, never NaN.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

MOST_QUANTILES = 1_001
"""That a level is looked up in: one for every tenth of a per cent."""

_WIDEST_POWER = 10.0
_LARGEST = sys.float_info.max
_LARGEST_LOG = 700.0
"""exp of it is still a double, and so are sums of a few."""
_PRECISION = 18.0
"""Natural logarithm of how much closer together a power may bring numbers: float32 sees no more, and a double of which
so much was lost still has as many digits as float32."""
_LEAST_SPREAD = 1e-9
"""Of log(1 + |x|): on numbers closer together, every power is a straight line."""

Doubles = NDArray[np.float64]
TransformName = Literal["none", "log", "power", "quantile"]


@dataclass(frozen=True)
class PowerTransform:
    """A curve: log and power (with its `power`) as below, quantile for the level among `quantiles`, which stand at even
    steps from 0 to 1."""

    name: TransformName = "none"
    power: float = 1.0
    quantiles: tuple[float, ...] = ()

    def __call__(self, values: Doubles) -> Doubles:
        """Numbers [N] on the curve."""
        match self.name:
            case "none":
                return values
            case "log":
                return logarithm(values)
            case "power":
                return yeo_johnson(values, self.power)
            case "quantile":
                return quantile_levels(values, *self._steps)

    @cached_property
    def _steps(self) -> tuple[Doubles, Doubles]:
        return np.array(self.quantiles), np.linspace(0, 1, len(self.quantiles))


def logarithm(values: Doubles) -> Doubles:
    """sign(x) * ln(1 + |x|)."""
    return np.copysign(np.log1p(np.abs(values)), values)


def yeo_johnson(values: Doubles, power: float) -> Doubles:
    """Yeo and Johnson (2000), "A new family of power transformations to improve normality or symmetry", Biometrika 87.

    ((1 + x)^p - 1) / p of numbers from 0 on, ln(1 + x) for p = 0; those below 0 are mirrored, with 2 - p.
    """
    # The formula gives x for 1, but rounds on the way.
    if power == 1:
        return values
    logs = np.log1p(np.abs(values))
    raised = _raised(logs, power)
    negative = values < 0
    if negative.any():
        raised = np.where(negative, -_raised(logs, 2 - power), raised)
    return raised


def best_power(values: Doubles, counts: NDArray[np.int64]) -> float:
    """The power of Yeo and Johnson that makes numbers most like a normal distribution, by maximum likelihood.

    Of numbers [K], each seen so many times [K]. Brent (1973) searches among the powers with which doubles and float32
    can hold the result; 1, which leaves numbers as they are, where they lie too close together. Six digits.
    """
    from scipy.optimize import minimize_scalar

    logs = logarithm(values)
    low, high = _possible_powers(float(logs.min()), float(logs.max()))
    if low >= high:
        return 1.0
    shares = counts / counts.sum()
    best = minimize_scalar(
        lambda power: -_log_likelihood(logs, shares, power),
        bounds=(low, high),
        method="bounded",
        options={"xatol": 1e-8},
    )
    # Adding 0 makes a negative zero a plain one, which recipe.json would otherwise show.
    return round(float(best.x), 6) + 0.0


def quantile_levels(values: Doubles, known: Doubles, levels: Doubles) -> Doubles:
    """The share of the training numbers that lie below, in [0, 1], by their quantiles `known` [Q] at `levels` [Q].

    As scikit-learn's QuantileTransformer has it.

    A number that came often has the middle of its levels; the least and what is below has 0, the greatest and
    what is above 1.
    """
    inside = np.minimum(np.maximum(values, known[0]), known[-1])
    reached = np.where(values >= known[-1], 1.0, _interpolated(inside, known, levels))
    return np.where(values <= known[0], 0.0, reached)


def _interpolated(values: Doubles, known: Doubles, levels: Doubles) -> Doubles:
    """From below and from above, which differ where quantiles are the same."""
    if known[-1] / 2 - known[0] / 2 > _LARGEST / 2:
        values, known = values / 4, known / 4  # else distances would overflow
    from_below = np.interp(values, known, levels)
    if not (known[1:] == known[:-1]).any():
        return np.minimum(from_below, 1)
    from_above = 1 - np.interp(-values, -known[::-1], levels)
    return (np.minimum(from_below, 1) + np.maximum(from_above, 0)) / 2


def _possible_powers(least: float, greatest: float) -> tuple[float, float]:
    """The smallest and the largest, by the ends of sign(x) * ln(1 + |x|); none where these lie too close together.

    Large powers make numbers that no double holds, small ones bring those far from 0 closer together than it can tell.
    """
    spread, largest = greatest - least, max(abs(least), abs(greatest))
    if spread <= _LEAST_SPREAD * largest:
        return 1.0, 1.0
    flattest = -max(_PRECISION + math.log(spread), 0.0)
    low, high = -_WIDEST_POWER, _WIDEST_POWER
    if greatest > 0:
        low, high = max(low, flattest / greatest), min(high, _LARGEST_LOG / greatest)
    if least < 0:
        low, high = max(low, 2 - _LARGEST_LOG / -least), min(high, 2 - flattest / -least)
    return low, high


def _log_likelihood(logs: Doubles, shares: Doubles, power: float) -> float:
    """A number's, on average, but for what does not depend on the power; `logs` are sign(x) * ln(1 + |x|)."""
    return (power - 1) * float(np.dot(logs, shares)) - _log_variance(logs, shares, power) / 2


def _log_variance(logs: Doubles, shares: Doubles, power: float) -> float:
    """ln of the variance of transformed numbers.

    Of numbers of one sign only e^(p (l - m)), with the middle m of the logarithms l, is computed, and e^(p m) is added
    as p m: what all numbers have in common would drown their differences.
    """
    if logs.max() <= 0:
        return _log_variance(-logs, shares, 2 - power)
    negative = logs < 0
    middle = 0.0 if negative.any() else float(logs.min() + logs.max()) / 2
    transformed = np.where(negative, -_raised(-logs, 2 - power), _raised(logs - middle, power))
    # Divided by the largest one, as squares of such numbers may overflow.
    largest = float(np.abs(transformed).max())
    transformed /= largest
    variance = float(np.dot((transformed - np.dot(transformed, shares)) ** 2, shares))
    return 2 * (power * middle + math.log(largest)) + math.log(variance)


def _raised(logs: Doubles, exponent: float) -> Doubles:
    """((1 + |x|)^e - 1) / e of ln(1 + |x|)."""
    if exponent == 0:
        return logs
    # New numbers may lie far beyond those of the training rows; they become infinite, as every curve promises.
    with np.errstate(over="ignore"):
        return np.expm1(logs * exponent) / exponent
