"""How sure a figure of each of several groups is, and what the largest difference between any two of them may be.

A largest difference is larger in a draw of rows than in truth: of groups that are all alike, some two look apart. So
the intervals of all pairs hold together: their reach is that of the studentized range, as in Tukey's comparison of all
pairs (of rates by score intervals: Agresti, Bini, Bertaccini and Ryu, Biometrics 64, 2008). With 95 % confidence the
largest true difference then lies between the largest lower end of any pair and the largest upper one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from tasks.evaluation.paired_bootstrap import CONFIDENCE
from tasks.evaluation.weighted_metrics import Floats, OfWeights
from tasks.evaluation.wilson import wilson

Ints = NDArray[np.int64]
_FEWEST_DEFINED = 0.9
"""The share of draws on which a figure must be defined: of fewer, what is left is no fair sample."""


@dataclass(frozen=True, kw_only=True)
class GroupEstimates:
    """A figure of some groups, `places` [G] by number: its `values` [G], and what is needed for the ends of each.

    Of rates `num_effective` [G] rows of equal weight would tell as much; of all else `errors` [G] are standard errors.
    `degrees` [G] are those of freedom, infinite where rows stand on their own, and `correlation` [G, G] is how the
    values of two groups go together, where they share units.
    """

    places: Ints
    values: Floats
    degrees: Floats
    correlation: Floats
    errors: Floats | None = None
    num_effective: Floats | None = None

    def ends(self, confidence: float) -> tuple[Floats, Floats]:
        """Lower and upper ends [G] that hold for the differences of all pairs together; NaN where there are none."""
        reach = _reach(len(self.values), confidence, self.degrees)
        if self.num_effective is not None:
            return wilson(self.values, self.num_effective, reach)
        assert self.errors is not None
        # What does not vary at all from draw to draw, such as of a group without a mistake, says nothing of others.
        errors = np.where(self.errors > 0, self.errors, np.nan)
        return self.values - reach * errors, self.values + reach * errors


@dataclass(frozen=True, kw_only=True)
class LargestDifference:
    """Between the groups numbered `lowest` and `highest`, whose figure is lowest and highest; of ratios the smallest.

    `low` and `high` hold the true one, whichever groups it is between; None where nobody knows. `figure` is the number
    of the figure, where there are several.
    """

    value: float
    low: float | None
    high: float | None
    figure: int
    lowest: int
    lowest_value: float
    highest: int
    highest_value: float


def largest_difference(figures: Sequence[GroupEstimates], num_families: int = 1) -> LargestDifference | None:
    """The largest over all pairs of groups and all figures; None where no figure has two groups.

    `num_families` is of how many such answers the interval is to hold together (Bonferroni).
    """
    compared = [(number, one) for number, one in enumerate(figures) if len(one.values) > 1]
    if not compared:
        return None
    number, widest = max(compared, key=lambda pair: float(np.ptp(pair[1].values)))
    confidence = 1 - (1 - CONFIDENCE) / (num_families * len(compared))
    spans = [_span(one.values, *one.ends(confidence), one.correlation) for _, one in compared]
    known = not np.isnan(spans).any()
    lowest, highest = int(widest.values.argmin()), int(widest.values.argmax())
    return LargestDifference(
        value=float(np.ptp(widest.values)),
        low=max(low for low, _ in spans) if known else None,
        high=max(high for _, high in spans) if known else None,
        figure=number,
        lowest=int(widest.places[lowest]),
        lowest_value=float(widest.values[lowest]),
        highest=int(widest.places[highest]),
        highest_value=float(widest.values[highest]),
    )


def smallest_ratio(rates: GroupEstimates, num_families: int = 1) -> LargestDifference | None:
    """The lowest rate over the highest one; None where there are no two groups, or all rates are 0.

    The interval is that of the largest difference of logarithms (Zou and Donner, Statistics in Medicine 27, 2008).
    """
    difference = largest_difference([rates], num_families)
    if difference is None or not difference.highest_value:
        return None
    assert rates.num_effective is not None
    lower, upper = rates.ends(1 - (1 - CONFIDENCE) / num_families)
    # Of no hit there is no logarithm: half of one, as one more row would have it.
    middles = np.where(rates.values > 0, rates.values, np.minimum(0.5 / (rates.num_effective + 1), upper))
    with np.errstate(divide="ignore"):
        low, high = _span(np.log(middles), np.log(lower), np.log(upper), rates.correlation)
    known = not np.isnan([low, high]).any()
    return LargestDifference(
        value=difference.lowest_value / difference.highest_value,
        low=float(np.exp(-high)) if known else None,
        high=float(np.exp(-low)) if known else None,
        figure=0,
        lowest=difference.lowest,
        lowest_value=difference.lowest_value,
        highest=difference.highest,
        highest_value=difference.highest_value,
    )


def rate_estimates(
    places: Ints, values: Floats, hits: NDArray[np.bool_], codes: Ints, weights: Floats, units: Ints | None
) -> GroupEstimates:
    """Of rates `values` [G], of rows [N] that are `hits` or not; `codes` [N] number their groups, -1 for none.

    `units` [N] are the numbers of groups of rows that are drawn as a whole, where there are any. Weighted rows and
    whole units tell as much as fewer rows would that stand on their own (Korn and Graubard, Survey Methodology 24,
    1998).
    """
    number = np.full(max(int(codes.max(initial=-1)), int(places.max(initial=-1))) + 2, -1)
    number[places] = np.arange(len(places))
    group = number[codes]
    within = group >= 0
    group, hits, weights = group[within], hits[within], weights[within]
    num_groups, num_rows = len(places), np.bincount(group, minlength=len(places)).astype(np.float64)
    if units is None and len(np.unique(weights)) < 2:
        alone = np.full(num_groups, np.inf)
        return GroupEstimates(
            places=places, values=values, degrees=alone, correlation=np.eye(num_groups), num_effective=num_rows
        )
    unit = np.arange(len(group)) if units is None else np.unique(units[within], return_inverse=True)[1]
    totals = np.bincount(group, weights, num_groups)
    covariance = _covariance(group, unit, weights * (hits - values[group]) / totals[group], num_groups)
    num_units = _num_units(group, unit, weights, num_groups)
    variance, spread = np.diag(covariance), values * (1 - values)
    by_variance = np.divide(spread, variance, out=num_units.copy(), where=(variance > 0) & (spread > 0))
    return GroupEstimates(
        places=places,
        values=values,
        degrees=num_units - 1,
        correlation=_correlation(covariance),
        num_effective=np.minimum(by_variance, num_rows) * (1 - 1 / np.maximum(num_units, 1)),
    )


def drawn_values(
    figures: Mapping[str, Sequence[OfWeights]], rows: Mapping[str, Sequence[Ints]], draws: Iterable[Floats]
) -> dict[str, Floats]:
    """Several figures of groups' own `rows` [G], each a function of their weights, on every draw of weights: [B, G]."""
    drawn: dict[str, list[list[float]]] = {name: [] for name in figures}
    for draw in draws:
        for name, of_groups in figures.items():
            drawn[name].append([_drawn(of, draw[own]) for of, own in zip(of_groups, rows[name], strict=True)])
    return {name: np.array(values, dtype=np.float64) for name, values in drawn.items()}


def drawn_estimates(
    places: Ints, values: Floats, drawn: Floats, rows: Sequence[Ints], units: Ints | None
) -> GroupEstimates:
    """Of any figure with `values` [G] of groups' own `rows` [G] that was `drawn` [B, G]."""
    num_units = np.array([len(own if units is None else np.unique(units[own])) for own in rows], dtype=np.float64)
    enough = (~np.isnan(drawn)).mean(axis=0) >= _FEWEST_DEFINED
    errors = np.full(len(places), np.nan)
    errors[enough] = np.nanstd(drawn[:, enough], axis=0, ddof=1)
    # Rows that are each on their own are drawn apart in two groups: what goes together there is chance.
    together = np.eye(len(places))
    if units is not None:
        defined = drawn[~np.isnan(drawn).any(axis=1)]
        together = _correlation(np.cov(defined, rowvar=False)) if len(defined) > 1 else together
    return GroupEstimates(
        places=places,
        values=values,
        degrees=num_units - 1,
        correlation=together,
        # A resample varies as the sample does, by (n - 1) / n too little.
        errors=errors * np.sqrt(num_units / np.maximum(num_units - 1, 1)),
    )


def _drawn(figure: OfWeights, weights: Floats) -> float:
    return figure(weights) if weights.any() else float("nan")


def _reach(num_groups: int, confidence: float, degrees: Floats) -> Floats:
    """How many standard errors hold all pairs together, [G]; of few units by Student's tail of the same size."""
    from scipy.stats import norm, t

    tail = norm.sf(_studentized_range(num_groups, confidence) / np.sqrt(2))
    return np.where(degrees >= 1, t.isf(tail, np.maximum(degrees, 1)), np.nan)


@cache
def _studentized_range(num_groups: int, confidence: float) -> float:
    from scipy.stats import studentized_range

    return float(studentized_range.ppf(confidence, num_groups, np.inf))


def _span(values: Floats, lower: Floats, upper: Floats, correlation: Floats) -> tuple[float, float]:
    """Where the largest difference of any two lies, by the ends of each [G].

    The ends of a difference from those of its parts: Newcombe (Statistics in Medicine 17, 1998, method 10), and where
    the two go together Zou (Psychological Methods 12, 2007).
    """
    first, second = np.triu_indices(len(values), 1)
    together = correlation[first, second]
    difference = values[first] - values[second]
    low = difference - _joint(values[first] - lower[first], upper[second] - values[second], together)
    high = difference + _joint(upper[first] - values[first], values[second] - lower[second], together)
    nearest = np.maximum(0.0, np.maximum(low, -high))
    return float(nearest.max()), float(np.maximum(np.abs(low), np.abs(high)).max())


def _joint(one: Floats, other: Floats, together: Floats) -> Floats:
    with np.errstate(invalid="ignore"):
        squared = one**2 + other**2 - 2 * together * one * other
    # A logarithm may go down without end, whatever goes with it.
    endless = np.isinf(one) | np.isinf(other)
    return np.where(endless, np.inf, np.sqrt(np.maximum(squared, 0)))


def _covariance(group: Ints, unit: Ints, influence: Floats, num_groups: int) -> Floats:
    """[G, G], by how much each unit moves each group's rate."""
    from scipy.sparse import coo_array

    shape = (num_groups, int(unit.max(initial=-1)) + 1)
    of_units = coo_array((influence, (group, unit)), shape=shape).tocsr()
    return np.asarray((of_units @ of_units.T).toarray())


def _num_units(group: Ints, unit: Ints, weights: Floats, num_groups: int) -> Floats:
    """So many units of equal weight tell as much, of each group (Kish, Survey Sampling, 1965)."""
    weight = _covariance(group, unit, weights, num_groups)
    return np.asarray(np.bincount(group, weights, num_groups) ** 2 / np.diag(weight))


def _correlation(covariance: Floats) -> Floats:
    covariance = np.atleast_2d(covariance)
    errors = np.sqrt(np.diag(covariance))
    product = np.outer(errors, errors)
    together = np.divide(covariance, product, out=np.zeros_like(covariance), where=product > 0)
    np.fill_diagonal(together, 1.0)
    return np.asarray(np.clip(together, -1.0, 1.0))
