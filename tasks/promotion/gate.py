"""The gate: whether a version may be registered, by bounds for its metrics. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from tasks.errors import UserError, did_you_mean
from tasks.params.config import Config, Metric
from tasks.params.register import Bound
from tasks.promotion.contest import Promotion

Interval = tuple[float, float] | None
"""Where a metric lies with 95 % confidence on other rows; None where nobody knows."""


class GateRule(Config):
    """One bound of the gate, and how the version did on `num_rows` test rows.

    `low` and `high` hold the metric with 95 % confidence on other rows; of a rule that asks for it `surely`, both have
    to keep the bound.
    """

    metric: Metric
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
            return f"{self.metric} {self.value:g} keeps its bounds"
        if self.low is None or self.high is None:
            return f"{self.metric} {self.value:g} has no interval on these rows, and the rule asks for a sure one"
        return f"{self.metric} {self.value:g} keeps its bounds, but not surely: it may be {self.low:g} to {self.high:g}"

    def _figure(self, bound: float) -> str:
        """The metric's value in so many digits that it does not look like the bound."""
        value = f"{self.value:g}" if f"{self.value:g}" != f"{bound:g}" else repr(self.value)
        return f"{self.metric} {value}"


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


def judge(
    bounds: Mapping[Metric, Bound],
    metrics: Mapping[str, float],
    intervals: Mapping[str, Interval] = MappingProxyType({}),
    num_rows: int | None = None,
) -> Verdict:
    """The verdict on a version with these metrics, and where they lie on other rows than these `num_rows`.

    Raises UserError for a metric that evaluate did not compute.
    """
    # All rules are judged, also after one has failed: the verdict shows every number.
    rules = tuple(
        _rule(metric, bound, value_of(metrics, metric, "gate"), intervals.get(metric), num_rows)
        for metric, bound in bounds.items()
    )
    passed = all(rule.passed for rule in rules)
    return Verdict(decision="hold" if passed else "reject", passed=passed, rules=rules)


def value_of(metrics: Mapping[str, float], metric: str, key: str) -> float:
    """The metric's value. Raises UserError that names the known metrics."""
    if metric not in metrics:
        raise UserError(
            f"params.yaml: register.{key}: {metric} was not computed for this task{did_you_mean(metric, metrics)}"
        )
    return metrics[metric]


def _rule(metric: Metric, bound: Bound, value: float, interval: Interval, num_rows: int | None) -> GateRule:
    ends = (value,) if not bound.surely else interval or ()
    kept = [(bound.min is None or end >= bound.min) and (bound.max is None or end <= bound.max) for end in ends]
    low, high = interval or (None, None)
    return GateRule(
        metric=metric,
        min=bound.min,
        max=bound.max,
        surely=bound.surely,
        value=value,
        low=low,
        high=high,
        num_rows=num_rows,
        # Of what has no interval nothing is sure.
        passed=bool(kept) and all(kept),
    )
