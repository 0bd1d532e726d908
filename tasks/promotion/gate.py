"""The gate: whether a version may be registered, and whether it takes the champion's place. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping

from tasks.errors import UserError, did_you_mean
from tasks.params.config import Config, Metric
from tasks.params.register import LOWER_IS_BETTER, Bound


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
            return f"{self.metric} {self.value:g} is below the least that is allowed, {self.min:g}"
        if self.max is not None and self.value > self.max:
            return f"{self.metric} {self.value:g} is above the most that is allowed, {self.max:g}"
        return f"{self.metric} {self.value:g} keeps its bounds"


class Verdict(Config):
    """What the gate decided, rule by rule."""

    passed: bool
    rules: tuple[GateRule, ...]

    @property
    def failed(self) -> tuple[GateRule, ...]:
        return tuple(rule for rule in self.rules if not rule.passed)


class Promotion(Config):
    """Whether a version becomes champion: `gain` is how much better it is than the champion, in the metric's unit."""

    promoted: bool
    metric: Metric
    margin: float
    challenger: float
    champion: float | None
    gain: float | None
    sentence: str


def judge(bounds: Mapping[Metric, Bound], metrics: Mapping[str, float]) -> Verdict:
    """The verdict on a version with these metrics. Raises UserError for a metric that evaluate did not compute."""
    # All rules are judged, also after one has failed: the verdict shows every number.
    rules = tuple(_rule(metric, bound, value_of(metrics, metric, "gate")) for metric, bound in bounds.items())
    return Verdict(passed=all(rule.passed for rule in rules), rules=rules)


def promotion(metric: Metric, margin: float, challenger: float, champion: float | None) -> Promotion:
    """Whether the challenger's value is better than the champion's by the margin; None: there is no champion yet."""
    gain = None if champion is None else _gain(metric, challenger, champion)
    # Without a margin, too, a version that is only as good does not take the champion's place.
    promoted = gain is None or (gain > 0 and gain >= margin)
    return Promotion(
        promoted=promoted,
        metric=metric,
        margin=margin,
        challenger=challenger,
        champion=champion,
        gain=gain,
        sentence=_sentence(metric, margin, challenger, champion, promoted),
    )


def not_comparable(metric: Metric, margin: float, challenger: float) -> Promotion:
    """The decision when the champion was registered without this metric: it stays."""
    sentence = (
        f"the champion was registered without {metric}, so it stays; to replace it, move the alias champion by hand"
    )
    return Promotion(
        promoted=False, metric=metric, margin=margin, challenger=challenger, champion=None, gain=None, sentence=sentence
    )


def value_of(metrics: Mapping[str, float], metric: str, key: str) -> float:
    """The metric's value. Raises UserError that names the known metrics."""
    if metric not in metrics:
        raise UserError(
            f"params.yaml: register.{key}: {metric} was not computed for this task{did_you_mean(metric, metrics)}"
        )
    return metrics[metric]


def _rule(metric: Metric, bound: Bound, value: float) -> GateRule:
    passed = (bound.min is None or value >= bound.min) and (bound.max is None or value <= bound.max)
    return GateRule(metric=metric, min=bound.min, max=bound.max, value=value, passed=passed)


def _gain(metric: Metric, challenger: float, champion: float) -> float:
    """How much better; rounded, so that 0.7 is better than 0.6 by 0.1 and not by 0.09999999999999998."""
    # Of an error or a loss less is better.
    better = champion - challenger if metric in LOWER_IS_BETTER else challenger - champion
    return round(better, 9)


def _sentence(metric: Metric, margin: float, challenger: float, champion: float | None, promoted: bool) -> str:
    if champion is None:
        return f"the first version that passed the gate is champion, with {metric} {challenger:g}"
    by = f"by the margin of {margin:g}" if margin else "at all"
    outcome = "is better than" if promoted else f"is not better {by} than"
    return f"{metric} {challenger:g} {outcome} the champion's {champion:g}"
