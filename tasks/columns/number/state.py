"""What training rows say of numbers, and what that leads to: a stand-in for missing ones, a curve, a scale."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.columns.moments import Moments, moments, weighted_moments
from tasks.columns.number.power_transforms import MOST_QUANTILES, PowerTransform, best_power, logarithm
from tasks.columns.quantiles import Histogram, histogram
from tasks.columns.quantiles import merged as both_counts
from tasks.params.normalize import NormalizeNumber, NumberScale


@dataclass(frozen=True)
class NumberState:
    """The moments of the numbers, and how many were missing; beyond their moments only what the settings ask for."""

    moments: Moments
    num_missing: int
    counts: Histogram | None = None
    logarithms: Moments | None = None


def number_state(present: NDArray[np.float64], num_missing: int, settings: NormalizeNumber) -> NumberState:
    """What one part's numbers [N] say, none of which is missing or infinite."""
    return NumberState(
        moments=moments(present),
        num_missing=num_missing,
        counts=histogram(present) if _needs_counts(settings) else None,
        logarithms=moments(logarithm(present)) if settings.scale == "log" else None,
    )


def merged(first: NumberState, second: NumberState) -> NumberState:
    """What two parts say together, by the same settings."""
    return NumberState(
        moments=first.moments + second.moments,
        num_missing=first.num_missing + second.num_missing,
        counts=first.counts and second.counts and both_counts(first.counts, second.counts),
        logarithms=first.logarithms and second.logarithms and first.logarithms + second.logarithms,
    )


def impute_value(state: NumberState, settings: NormalizeNumber) -> float:
    """What a missing number becomes; of several that are most frequent, the smallest."""
    match settings.impute:
        case "mean":
            return state.moments.rounded_mean
        case "median":
            return _counts(state).quantile(0.5)
        case "most_frequent":
            values, counts = _counts(state).weighted_values()
            return float(values[counts.argmax()])
        case "constant":
            return settings.value
        case "zero":
            return 0.0


def _counts(state: NumberState) -> Histogram:
    assert state.counts is not None, "fit counts what the settings ask for"
    return state.counts


def scaling(state: NumberState, scale: NumberScale) -> tuple[PowerTransform, float, float]:
    """The curve that numbers are put on, what is taken away there, and what the rest is divided by.

    A column of one value has no width.
    """
    numbers = state.moments
    match scale:
        case "standard":
            return PowerTransform(), *numbers.center_and_std
        case "min_max":
            return PowerTransform(), numbers.minimum, _doubled(numbers.half_spread)
        case "symmetric":
            return PowerTransform(), numbers.minimum / 2 + numbers.maximum / 2, numbers.half_spread
        case "robust":
            lower, median, upper = _counts(state).quantiles(np.array([0.25, 0.5, 0.75])).tolist()
            return PowerTransform(), median, _doubled(upper / 2 - lower / 2)
        case "quantile":
            return PowerTransform("quantile", quantiles=_quantiles(_counts(state))), 0.0, 1.0
        case "log":
            assert state.logarithms is not None, "fit takes the logarithms that the settings ask for"
            return PowerTransform("log"), *state.logarithms.center_and_std
        case "power":
            values, counts = _counts(state).weighted_values()
            curve = PowerTransform("power", power=best_power(values, counts))
            return curve, *weighted_moments(curve(values), counts).center_and_std
        case "none":
            return PowerTransform(), 0.0, 1.0


def _quantiles(counts: Histogram) -> tuple[float, ...]:
    """At even steps; rounding must not put one before another."""
    quantiles = counts.quantiles(np.linspace(0, 1, min(counts.count, MOST_QUANTILES)))
    return tuple(np.maximum.accumulate(quantiles).tolist())


def _doubled(half: float) -> float:
    # A range may be wider than the largest double, while half of it never is.
    return min(2 * half, sys.float_info.max)


def _needs_counts(settings: NormalizeNumber) -> bool:
    return settings.scale in ("robust", "quantile", "power") or settings.impute in ("median", "most_frequent")
