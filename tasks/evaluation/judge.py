"""What a pipeline is judged by: its metric, and how its answers become classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from numpy.typing import NDArray

from tasks.evaluation.cost_matrix import check_costs, cost_matrix
from tasks.evaluation.metrics import positive_number
from tasks.evaluation.weighted_metrics import Answers, Floats, OfWeights, metric_of_weights
from tasks.model_input.decision import LIKELIEST, Decision
from tasks.params.config import Metric, Task, metrics_of
from tasks.params.evaluate import Evaluate
from tasks.recipe.recipe import Target


@dataclass(frozen=True, kw_only=True)
class Judge:
    """How answers to test rows are judged."""

    metric: Metric
    positive: int | None = None
    decision: Decision = LIKELIEST
    average: Literal["macro", "weighted"] = "macro"
    costs: Floats | None = None
    """What each answer to each class costs, [K, K], where that is known."""

    @property
    def deciding_costs(self) -> Floats | None:
        """The costs, where it is these that answers are judged by."""
        return self.costs if self.metric == "expected_cost" else None

    def of(self, y_true: NDArray[Any], y_score: Floats) -> OfWeights:
        """The metric of these answers, [N, K] or [N], to rows whose truth is [N]."""
        return metric_of_weights(self.metric, self.answers(y_true, y_score))

    def answers(self, y_true: NDArray[Any], y_score: Floats) -> Answers:
        """These, and the classes that they are decided to be."""
        answered = self.decision.of(y_score) if y_score.ndim == 2 else None
        return Answers(
            y_true=y_true,
            y_score=y_score,
            average=self.average,
            positive=self.positive,
            answered=answered,
            costs=self.costs,
        )


def judge_of(config: Evaluate, target: Target, decision: Decision) -> Judge:
    """By the metric that versions are compared by; one that is not for the task is refused by register.

    Raises UserError where evaluate.costs names what is no class.
    """
    check_costs(config, target.classes)
    return Judge(
        metric=metric_for(target.task, config.metric),
        positive=positive_number(target.classes, config.positive),
        decision=decision,
        average=config.average,
        costs=cost_matrix(config, target.classes),
    )


def metric_for(task: Task, chosen: Metric | None) -> Metric:
    """The metric that was chosen; the one that is named first, when it is not for the task or there is none."""
    known = metrics_of(task)
    return chosen if chosen in known else known[0]
