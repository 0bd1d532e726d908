"""The gate: whether a version may be registered, by bounds for its metrics. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping

from tasks.errors import UserError, did_you_mean
from tasks.params.config import Config, Metric
from tasks.params.register import Bound
from tasks.promotion.contest import Promotion


class GateRule(Config):
    """One bound of the gate, and how the version did."""

    metric: Metric
    min: float | None
    max: float | None
    value: float
    passed: bool

    def sentence(self) -> str:
        """Such as `accuracy 0.9 is below the least that is allowed, 0.95`."""
        if self.min is not None and self.value < self.min:
            return f"{self.metric} {_apart(self.value, self.min)} is below the least that is allowed, {self.min:g}"
        if self.max is not None and self.value > self.max:
            return f"{self.metric} {_apart(self.value, self.max)} is above the most that is allowed, {self.max:g}"
        return f"{self.metric} {self.value:g} keeps its bounds"


class Verdict(Config):
    """What the gate decided, rule by rule, and of a version that passed whether it becomes champion."""

    passed: bool
    rules: tuple[GateRule, ...]
    promotion: Promotion | None = None

    @property
    def failed(self) -> tuple[GateRule, ...]:
        return tuple(rule for rule in self.rules if not rule.passed)


def judge(bounds: Mapping[Metric, Bound], metrics: Mapping[str, float]) -> Verdict:
    """The verdict on a version with these metrics. Raises UserError for a metric that evaluate did not compute."""
    # All rules are judged, also after one has failed: the verdict shows every number.
    rules = tuple(_rule(metric, bound, value_of(metrics, metric, "gate")) for metric, bound in bounds.items())
    return Verdict(passed=all(rule.passed for rule in rules), rules=rules)


def value_of(metrics: Mapping[str, float], metric: str, key: str) -> float:
    """The metric's value. Raises UserError that names the known metrics."""
    if metric not in metrics:
        raise UserError(
            f"params.yaml: register.{key}: {metric} was not computed for this task{did_you_mean(metric, metrics)}"
        )
    return metrics[metric]


def _apart(value: float, bound: float) -> str:
    """The value in so many digits that it does not look like the bound."""
    return f"{value:g}" if f"{value:g}" != f"{bound:g}" else repr(value)


def _rule(metric: Metric, bound: Bound, value: float) -> GateRule:
    passed = (bound.min is None or value >= bound.min) and (bound.max is None or value <= bound.max)
    return GateRule(metric=metric, min=bound.min, max=bound.max, value=value, passed=passed)
