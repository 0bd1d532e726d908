"""The gate: whether a version may be registered, by bounds for its metrics. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal, TypeVar

from tasks.errors import UserError, did_you_mean
from tasks.measures import USUAL_TAIL, Measure
from tasks.params.config import Config
from tasks.params.register import GROUP_MEASURES, Bound, Bounded
from tasks.promotion.contest import Promotion
from tasks.promotion.gate_rule import GateRule
from tasks.promotion.latency import Latency
from tasks.promotion.power import visible_gain
from tasks.promotion.refusals import broken_by_chance, jointly, named

_Value = TypeVar("_Value")

BY_RULES = "the gate, by the rules of params.yaml"
"""Who signs what no person decided."""

NOTHING_TESTED: Mapping[str, float | None] = MappingProxyType({})
"""No metric was tested on its rows."""


class Verdict(Config):
    """What the gate decided, rule by rule, and of a version that passed whether it becomes champion.

    `reject`: not registered; `hold`: registered, and the champion stays; `shadow`: better, and to prove itself on live
    rows first; `promote`: it becomes champion. A person who decides otherwise signs at the version, and in the history
    of its aliases.
    """

    decision: Literal["promote", "shadow", "hold", "reject"]
    passed: bool
    rules: tuple[GateRule, ...]
    signed_off_by: str = BY_RULES
    promotion: Promotion | None = None
    latency: Latency | None = None
    """Where it was measured: that it differs from time to time is in its nature."""

    @property
    def failed(self) -> tuple[GateRule, ...]:
        return tuple(rule for rule in self.rules if not rule.passed)

    def timed(self, latency: Latency | None) -> Verdict:
        """With how fast the version answered, where that was measured."""
        return self.model_copy(update={"latency": latency})

    def decided(self, promotion: Promotion) -> Verdict:
        """Of a version that passed: with what is decided of it beside the champion."""
        decision = "promote" if promotion.promoted else "shadow" if promotion.in_shadow else "hold"
        return self.model_copy(update={"decision": decision, "promotion": promotion})


def judge(
    bounds: Mapping[Bounded, Bound],
    measures: Mapping[str, Measure],
    in_slices: Sequence[GateRule] = (),
    *,
    alpha: float = 0.05,
    p_values: Mapping[str, float | None] = NOTHING_TESTED,
) -> Verdict:
    """The verdict on a version with these measures, its metrics among them, and by the rules of all its slices.

    Where a rule refuses what is surely broken, it and the slices are refused at `alpha` together; `p_values` are those
    of metrics that were tested on the rows themselves. Raises UserError for a measure that evaluate did not compute.
    """
    # All rules are judged, also after one has failed: the verdict shows every number.
    of_gate = [_rule(name, bound, value_of(measures, name, "gate"), p_values) for name, bound in bounds.items()]
    judged = jointly([*of_gate, *in_slices], alpha)
    rules = (*judged[: len(of_gate)], *named(judged[len(of_gate) :]))
    passed = all(rule.passed for rule in rules)
    return Verdict(decision="hold" if passed else "reject", passed=passed, rules=rules)


def value_of(known: Mapping[str, _Value], name: str, key: str) -> _Value:
    """What there is of that name. Raises UserError that names those that there are."""
    if name in GROUP_MEASURES and name not in known:
        raise UserError(
            f"params.yaml: register.{key}: {name} was not computed: it needs a column with the role sensitive and two "
            "groups of 20 test rows or more, and of rates two classes; see fairness.json, or take the rule out"
        )
    if name not in known:
        raise UserError(
            f"params.yaml: register.{key}: {name} was not computed for this task{did_you_mean(name, known)}"
        )
    return known[name]


def _rule(name: Bounded, bound: Bound, measure: Measure, p_values: Mapping[str, float | None]) -> GateRule:
    # A count of what is sure can be refused by chance, and by nothing else.
    if bound.surely == "broken" or (measure.p_values is not None and bound.max is not None and not bound.surely):
        by_interval = broken_by_chance(bound, measure, is_ratio=name == "demographic_parity_ratio")
        p = p_values.get(name, by_interval)
        rule = _by_value(name, bound, measure).model_copy(update={"surely": "broken", "p_value": p})
        # What tells nothing breaks nothing.
        return rule if p is not None else rule.model_copy(update={"passed": True})
    return _surely(name, bound, measure) if bound.surely else _by_value(name, bound, measure)


def _by_value(name: Bounded, bound: Bound, measure: Measure) -> GateRule:
    rule = GateRule(
        metric=name,
        of=measure.of,
        min=bound.min,
        max=bound.max,
        surely=bound.surely,
        value=measure.value,
        low=measure.low,
        high=measure.high,
        num_rows=measure.num_rows,
        passed=True,
    )
    return rule.model_copy(update={"passed": rule.is_kept})


def _surely(name: Bounded, bound: Bound, measure: Measure) -> GateRule:
    """A rule that all of the interval has to keep; of what has none nothing is sure."""
    ends = () if measure.low is None or measure.high is None else (measure.low, measure.high)
    kept = [(bound.min is None or end >= bound.min) and (bound.max is None or end <= bound.max) for end in ends]
    tests = [_sureness(*side) for side in _sides(bound, measure)]
    update = {
        "p_value": max((p for p, _ in tests), default=None),
        "visible_gain": max((gain for _, gain in tests), default=None),
        "passed": bool(kept) and all(kept),
    }
    return _by_value(name, bound, measure).model_copy(update=update)


def _sides(bound: Bound, measure: Measure) -> list[tuple[float, float]]:
    """How far the value is within each bound, and how far its interval reaches towards it."""
    sides = []
    if bound.min is not None and measure.low is not None:
        sides.append((measure.value - bound.min, measure.value - measure.low))
    if bound.max is not None and measure.high is not None:
        sides.append((bound.max - measure.value, measure.high - measure.value))
    return sides


def _sureness(distance: float, reach: float) -> tuple[float, float]:
    """The p-value that is 2.5 % where the interval ends at the bound, and the distance that is sure four times in
    five."""
    from scipy.stats import norm

    error = reach / float(norm.isf(USUAL_TAIL))
    p = float(norm.sf(distance / error)) if error > 0 else float(distance < 0)
    return p, visible_gain(error, USUAL_TAIL)
