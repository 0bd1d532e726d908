"""The gate: whether a version may be registered, by bounds for its metrics. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeVar

from tasks.errors import UserError, did_you_mean
from tasks.measures import Measure
from tasks.params.config import Config
from tasks.params.register import GROUP_MEASURES, Bound, Bounded
from tasks.promotion.contest import Promotion
from tasks.promotion.latency import Latency
from tasks.promotion.power import visible_gain

_Value = TypeVar("_Value")

BY_RULES = "the gate, by the rules of params.yaml"
"""Who signs what no person decided."""

_TAIL = 0.025
"""Beyond each end of a 95 % interval."""


class GateRule(Config):
    """One bound of the gate, and how the version did on `num_rows` test rows.

    `metric` is what is bounded, a metric or another measure, and `of` the part of the test that it is of.
    `low` and `high` hold it with 95 % confidence on other rows; of a rule that asks for it `surely`, both have to keep
    the bound: `p_value` is how likely as good a value would be seen if the true one stood on the bound, and a true one
    that is `visible_gain` away from it would have kept it four times in five. A rule for slices fails where the bound
    is surely broken: its `p_value` is how likely as bad a value would be seen in one of the `num_tests` slices if the
    bound held in all.
    """

    metric: Bounded
    of: str | None = None
    min: float | None
    max: float | None
    surely: bool
    value: float
    low: float | None
    high: float | None
    num_rows: int | None
    p_value: float | None = None
    visible_gain: float | None = None
    num_tests: int | None = None
    passed: bool

    def sentence(self) -> str:
        """Such as `accuracy 0.9 is below the least that is allowed, 0.95`."""
        return self._beside_the_bound() + self._sureness()

    def _sureness(self) -> str:
        if self.p_value is None or self.num_tests is None or self.num_rows is None:
            return ""
        kept = (self.min is None or self.value >= self.min) and (self.max is None or self.value <= self.max)
        if kept:
            return f" in all {self.num_tests:,} slices"
        sure = "but not surely" if self.passed else "and surely so"
        return f", {sure}: {self.num_rows:,} rows, p {self.p_value:.2g} after all {self.num_tests:,} slices"

    def _beside_the_bound(self) -> str:
        if self.min is not None and self.value < self.min:
            return f"{self._figure(self.min)} is below the least that is allowed, {self.min:g}"
        if self.max is not None and self.value > self.max:
            return f"{self._figure(self.max)} is above the most that is allowed, {self.max:g}"
        if self.passed:
            return f"{self._name} {self.value:g} keeps its bounds"
        if self.low is None or self.high is None:
            return f"{self._name} {self.value:g} has no interval on these rows, and the rule asks for a sure one"
        return f"{self._name} {self.value:g} keeps its bounds, but not surely: it may be {self.low:g} to {self.high:g}"

    @property
    def _name(self) -> str:
        return self.metric if self.of is None else f"{self.metric} ({self.of})"

    def _figure(self, bound: float) -> str:
        """The metric's value in so many digits that it does not look like the bound."""
        value = f"{self.value:g}" if f"{self.value:g}" != f"{bound:g}" else repr(self.value)
        return f"{self._name} {value}"


class Verdict(Config):
    """What the gate decided, rule by rule, and of a version that passed whether it becomes champion.

    `reject`: not registered; `hold`: registered, and the champion stays; `promote`: it becomes champion. A person who
    decides otherwise signs at the version, and in the history of its aliases.
    """

    decision: Literal["promote", "hold", "reject"]
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
        decision = "promote" if promotion.promoted else "hold"
        return self.model_copy(update={"decision": decision, "promotion": promotion})


def judge(
    bounds: Mapping[Bounded, Bound], measures: Mapping[str, Measure], in_slices: tuple[GateRule, ...] = ()
) -> Verdict:
    """The verdict on a version with these measures, its metrics among them, and by the rules of its slices.

    Raises UserError for one that evaluate did not compute.
    """
    # All rules are judged, also after one has failed: the verdict shows every number.
    rules = (*(_rule(name, bound, value_of(measures, name, "gate")) for name, bound in bounds.items()), *in_slices)
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


def _rule(name: Bounded, bound: Bound, measure: Measure) -> GateRule:
    interval = () if measure.low is None or measure.high is None else (measure.low, measure.high)
    ends = interval if bound.surely else (measure.value,)
    kept = [(bound.min is None or end >= bound.min) and (bound.max is None or end <= bound.max) for end in ends]
    tests = [_sureness(*side) for side in _sides(bound, measure)] if bound.surely else []
    return GateRule(
        metric=name,
        of=measure.of,
        min=bound.min,
        max=bound.max,
        surely=bound.surely,
        value=measure.value,
        low=measure.low,
        high=measure.high,
        num_rows=measure.num_rows,
        p_value=max((p for p, _ in tests), default=None),
        visible_gain=max((gain for _, gain in tests), default=None),
        # Of what has no interval nothing is sure.
        passed=bool(kept) and all(kept),
    )


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

    error = reach / float(norm.isf(_TAIL))
    p = float(norm.sf(distance / error)) if error > 0 else float(distance < 0)
    return p, visible_gain(error, _TAIL)
