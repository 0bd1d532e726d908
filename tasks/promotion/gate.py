"""The gate: whether a version may be registered, by bounds for its metrics. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeVar

from tasks.errors import UserError, did_you_mean
from tasks.measures import Measure
from tasks.params.config import Config
from tasks.params.register import Bound, Bounded
from tasks.promotion.contest import Promotion

_Value = TypeVar("_Value")


class GateRule(Config):
    """One bound of the gate, and how the version did on `num_rows` test rows.

    `metric` is what is bounded, a metric or another measure, and `of` the part of the test that it is of.
    `low` and `high` hold it with 95 % confidence on other rows; of a rule that asks for it `surely`, both have to keep
    the bound.
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
    passed: bool

    def sentence(self) -> str:
        """Such as `accuracy 0.9 is below the least that is allowed, 0.95`."""
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

    `reject`: not registered; `hold`: registered, and the champion stays; `promote`: it becomes champion.
    """

    decision: Literal["promote", "hold", "reject"]
    passed: bool
    rules: tuple[GateRule, ...]
    promotion: Promotion | None = None

    @property
    def failed(self) -> tuple[GateRule, ...]:
        return tuple(rule for rule in self.rules if not rule.passed)

    def decided(self, promotion: Promotion) -> Verdict:
        """Of a version that passed: with what is decided of it beside the champion."""
        decision = "promote" if promotion.promoted else "hold"
        return self.model_copy(update={"decision": decision, "promotion": promotion})


def judge(bounds: Mapping[Bounded, Bound], measures: Mapping[str, Measure]) -> Verdict:
    """The verdict on a version with these measures, its metrics among them.

    Raises UserError for one that evaluate did not compute.
    """
    # All rules are judged, also after one has failed: the verdict shows every number.
    rules = tuple(_rule(name, bound, value_of(measures, name, "gate")) for name, bound in bounds.items())
    passed = all(rule.passed for rule in rules)
    return Verdict(decision="hold" if passed else "reject", passed=passed, rules=rules)


def value_of(known: Mapping[str, _Value], name: str, key: str) -> _Value:
    """What there is of that name. Raises UserError that names those that there are."""
    if name not in known:
        raise UserError(
            f"params.yaml: register.{key}: {name} was not computed for this task{did_you_mean(name, known)}"
        )
    return known[name]


def _rule(name: Bounded, bound: Bound, measure: Measure) -> GateRule:
    interval = () if measure.low is None or measure.high is None else (measure.low, measure.high)
    ends = interval if bound.surely else (measure.value,)
    kept = [(bound.min is None or end >= bound.min) and (bound.max is None or end <= bound.max) for end in ends]
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
        # Of what has no interval nothing is sure.
        passed=bool(kept) and all(kept),
    )
