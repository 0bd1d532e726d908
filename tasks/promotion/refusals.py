"""Rules that refuse what is surely broken: how sure that is of each, and of all of them together.

That a version passes by chance is no likelier for many rules, as it must keep all of them (Berger, Technometrics 24,
1982). That it is refused by chance is: any one rule may look broken. So such rules, and the slices that have a bound,
are one family of tests, and Holm's method keeps the chance that any of them refuses a version that breaks none.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tasks.holm import holm
from tasks.measures import USUAL_TAIL, Measure
from tasks.params.register import Bound
from tasks.promotion.gate_rule import GateRule


def jointly(rules: Sequence[GateRule], alpha: float) -> tuple[GateRule, ...]:
    """These rules of one verdict; those that refuse what is surely broken with their p-values after all of them.

    Refused is what has at most alpha then. What has no p-value stays as it was judged.
    """
    tested = [rule.p_value if rule.surely == "broken" else None for rule in rules]
    adjusted = holm([np.nan if p is None else p for p in tested])
    num_tests = len(tested) - tested.count(None)
    return tuple(
        rule.model_copy(update={"adjusted_p_value": float(p), "num_tests": num_tests, "passed": bool(p > alpha)})
        if not np.isnan(p)
        else rule
        for rule, p in zip(rules, adjusted, strict=True)
    )


def named(slices: Sequence[GateRule]) -> tuple[GateRule, ...]:
    """Of the rules of all slices those that are broken, the surest first; where none is, the one that is nearest."""
    tested = sorted((rule for rule in slices if rule.adjusted_p_value is not None), key=_by_sureness)
    broken = tuple(rule for rule in tested if not rule.passed)
    return broken or tuple(tested[:1])


def _by_sureness(rule: GateRule) -> tuple[float, float, float, str]:
    return rule.adjusted_p_value or 0.0, rule.p_value or 0.0, -_beyond(rule), rule.of or ""


def _beyond(rule: GateRule) -> float:
    """How far the value is beyond its bounds, negative where it keeps them."""
    below = -np.inf if rule.min is None else rule.min - rule.value
    return max(below, -np.inf if rule.max is None else rule.value - rule.max)


def broken_by_chance(bound: Bound, measure: Measure, *, is_ratio: bool = False) -> float | None:
    """How likely a measure is that bad, or worse, if its true value keeps the bound; None where nobody knows.

    Of a count of what is sure by its own tests; of all else by its interval, as of a normal measure, and of a ratio as
    of its logarithm. Two bounds are two tests (Bonferroni).
    """
    if measure.p_values is not None:
        return None if bound.max is None else measure.p_of_more_than(bound.max)
    if measure.low is None or measure.high is None:
        return None
    sides = []
    if bound.min is not None:
        sides.append(_beyond_bound(bound.min, measure.value, measure.high, measure.tail, is_ratio=is_ratio))
    if bound.max is not None:
        sides.append(_beyond_bound(bound.max, measure.value, measure.low, measure.tail, is_ratio=is_ratio))
    return min(1.0, len(sides) * min(sides))


def _beyond_bound(bound: float, value: float, end: float, tail: float, *, is_ratio: bool) -> float:
    """The p-value that is `tail` where the interval's `end` on the side of the bound is at the bound."""
    from scipy.stats import norm

    is_low = end <= value  # of a bound that is the most
    if value <= bound if is_low else value >= bound:
        return 1.0
    is_sure = end > bound if is_low else end < bound
    scaled = np.array([bound, value, end])
    if is_ratio:
        # There is no logarithm of nothing: no more is known then than on which side the interval lies.
        scaled = np.log(scaled) if scaled.min() > 0 else np.full(3, np.nan)
    distance, reach = abs(scaled[1] - scaled[0]), abs(scaled[1] - scaled[2])
    if not reach > 0:
        return tail if is_sure else 1.0
    # The worst of several is no normal measure: of what lies within its interval nobody knows how sure it is.
    if tail != USUAL_TAIL and not is_sure:
        return 1.0
    return float(norm.sf(distance * norm.isf(tail) / reach))
