"""From which probability on a class of two is answered: what each threshold finds and costs, and the cheapest one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.errors import UserError
from tasks.evaluation.metrics import positive_number
from tasks.evaluation.predictions import Predictions
from tasks.model_input.decision import Decision
from tasks.params.evaluate import Costs, Evaluate

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ThresholdCurve:
    """All thresholds that tell rows apart, ascending [T], and what each of them means for the rows it was made of.

    `precision`, `recall` and `false_alarms` (of the rows that are not positive, the share that is answered so) are
    shares; precision is NaN where nothing is answered positive. `cost` is that of a row, on average.
    """

    thresholds: Floats
    precision: Floats
    recall: Floats
    false_alarms: Floats
    cost: Floats

    def at(self, threshold: float) -> int:
        """The number of the entry that answers as this threshold does."""
        # A threshold between two entries answers as the next one above: no row lies in between.
        return min(int(np.searchsorted(self.thresholds, threshold, side="left")), len(self.thresholds) - 1)


@dataclass(frozen=True, kw_only=True)
class ThresholdChoice:
    """The decision of a model of two classes; `curve` is what the validation rows say, if they hold both classes."""

    positive: str
    decision: Decision
    costs: Costs
    curve: ThresholdCurve | None
    num_rows: int
    is_chosen: bool
    """Whether the costs chose it, on the validation rows."""

    def as_dict(self) -> dict[str, Any]:
        """decision.json: what travels with the model."""
        costs = self.costs.model_dump() if self.is_chosen else None
        return {"positive": self.positive, "threshold": self.decision.threshold, "costs": costs}


def refuse_threshold(config: Evaluate, num_classes: int) -> None:
    """Raises UserError where one is asked of other than two classes, of none for a number."""
    if config.threshold is not None:
        here = f"here are {num_classes}" if num_classes else "here is a number"
        raise UserError(f"evaluate.threshold decides between two classes, and {here}; remove it from params.yaml")


def choose_threshold(classes: Sequence[str], config: Evaluate, validation: Predictions) -> ThresholdChoice:
    """How a model of two classes decides. Raises UserError where it cannot be chosen on the validation rows."""
    positive = positive_number(classes, config.positive)
    assert positive is not None
    costs = config.threshold if isinstance(config.threshold, Costs) else Costs()
    truth, weight = validation.y_true == positive, validation.weight
    curve = threshold_curve(
        truth, validation.y_score[:, positive], np.ones(len(truth)) if weight is None else weight, costs
    )
    threshold = config.threshold
    if isinstance(threshold, Costs):
        if curve is None:
            raise UserError(
                f"evaluate.threshold: the {len(truth):,} validation rows are all of one class, so no threshold can be "
                "chosen on them; give a number, or validation more rows (split.validation)"
            )
        threshold = float(curve.thresholds[cheapest(curve, threshold)])
    decision = Decision(positive=positive, threshold=threshold)
    is_chosen = isinstance(config.threshold, Costs)
    return ThresholdChoice(
        positive=classes[positive],
        decision=decision,
        costs=costs,
        curve=curve,
        num_rows=len(truth),
        is_chosen=is_chosen,
    )


def threshold_curve(
    is_positive: NDArray[np.bool_], probability: Floats, weight: Floats, costs: Costs
) -> ThresholdCurve | None:
    """Of rows [N] with these probabilities of the positive class and weights; None without rows of both classes."""
    total = float(weight[is_positive].sum()), float(weight[~is_positive].sum())
    if not all(total):
        return None
    levels, number = np.unique(probability, return_inverse=True)
    positive = np.bincount(number, weight * is_positive, len(levels))
    other = np.bincount(number, weight * ~is_positive, len(levels))
    # From the threshold on: what lies at it or above, and for the last threshold, above all rows, nothing.
    hits, alarms = (np.append(np.cumsum(part[::-1])[::-1], 0.0) for part in (positive, other))
    answered = hits + alarms
    return ThresholdCurve(
        thresholds=_between(levels),
        precision=np.divide(hits, answered, out=np.full(len(answered), np.nan), where=answered > 0),
        recall=hits / total[0],
        false_alarms=alarms / total[1],
        cost=(costs.false_negative * (total[0] - hits) + costs.false_positive * alarms) / sum(total),
    )


def cheapest(curve: ThresholdCurve, costs: Costs) -> int:
    """The number of the threshold with the least cost.

    Of equal ones that which lies nearest to where probabilities that are true would put it, false_positive /
    (false_positive + false_negative) (Elkan, The Foundations of Cost-Sensitive Learning, 2001).
    """
    least = np.flatnonzero(np.isclose(curve.cost, curve.cost.min(), rtol=1e-12, atol=0))
    ideal = costs.false_positive / (costs.false_positive + costs.false_negative)
    return int(least[np.abs(curve.thresholds[least] - ideal).argmin()])


def mean_cost(choice: ThresholdChoice, decision: Decision, predictions: Predictions) -> float:
    """What a row costs on average, by the choice's costs, when it is answered by this decision."""
    is_positive = predictions.y_true == choice.decision.positive
    is_answered = decision.of(predictions.y_score) == choice.decision.positive
    cost = choice.costs.false_negative * (is_positive & ~is_answered)
    cost = cost + choice.costs.false_positive * (~is_positive & is_answered)
    return float(np.average(cost, weights=predictions.weight))


def _between(levels: Floats) -> Floats:
    """A threshold below each level and one above all, half-way to the neighbour, so other rows fall to the nearer."""
    edges = np.concatenate([[0.0], levels, [1.0]])
    middles = (edges[:-1] + edges[1:]) / 2
    # Rounded onto the lower level by the division, the middle would take its rows in.
    middles[1:] = np.where(middles[1:] > edges[1:-1], middles[1:], np.nextafter(edges[1:-1], np.inf))
    return np.asarray(middles)
