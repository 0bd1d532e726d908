"""What each answer to each class costs, by what params.yaml says of mistakes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.errors import UserError, did_you_mean
from tasks.evaluation.metrics import positive_number
from tasks.model_input.decision import LIKELIEST, Decision
from tasks.params.evaluate import Costs, Evaluate


def cost_matrix(config: Evaluate, classes: Sequence[str]) -> NDArray[np.float64] | None:
    """What answering class j costs where class i is true, [K, K]; None where nobody says.

    A right answer costs 0 and a mistake that is not named 1. Names that are none of these classes count for nothing:
    versions may know others.
    """
    if config.costs is not None and classes:
        costs = 1.0 - np.eye(len(classes))
        numbers = {name: number for number, name in enumerate(classes)}
        for actual, answers in config.costs.items():
            for answered, cost in answers.items():
                if actual in numbers and answered in numbers:
                    costs[numbers[actual], numbers[answered]] = cost
        return costs
    if isinstance(config.threshold, Costs) and len(classes) == 2:
        positive = positive_number(classes, config.positive)
        assert positive is not None
        costs = np.zeros((2, 2))
        costs[1 - positive, positive] = config.threshold.false_positive
        costs[positive, 1 - positive] = config.threshold.false_negative
        return costs
    return None


def least_cost(config: Evaluate, classes: Sequence[str]) -> Decision | None:
    """The answer of least expected cost of three classes or more; None where nobody says what answers cost."""
    costs = cost_matrix(config, classes) if config.costs is not None and len(classes) > 2 else None
    return None if costs is None else Decision(costs=tuple(map(tuple, costs.tolist())))


def decision_by_cost(config: Evaluate, classes: Sequence[str]) -> Decision:
    """How a model of other than two classes decides: by costs where params.yaml says so."""
    decision = least_cost(config, classes) if config.answer == "least_cost" else None
    return decision or LIKELIEST


def check_costs(config: Evaluate, classes: Sequence[str]) -> None:
    """Raises UserError where evaluate.costs names what is no class, where the target is a number, or where they are to
    decide between two classes."""
    if config.costs is None:
        return
    if config.answer == "least_cost" and len(classes) == 2:
        raise UserError(
            "evaluate.answer: least_cost is of three classes or more, and here are two; write instead "
            "`threshold: {false_positive: COST, false_negative: COST}`, which chooses the cheapest on validation rows"
        )
    if not classes:
        raise UserError("evaluate.costs is of classes, and the target is a number; remove it from params.yaml")
    for actual, answers in config.costs.items():
        places = {actual: "evaluate.costs", **dict.fromkeys(set(answers) - {actual}, f"evaluate.costs.{actual}")}
        for name, place in places.items():
            if name not in classes:
                raise UserError(f"{place}: {name!r} is no class{did_you_mean(name, classes)}")


def with_unknown_classes(costs: NDArray[np.float64], num_classes: int) -> NDArray[np.float64]:
    """With classes behind these that are answered by another version alone, [K', K']: such an answer costs as much as
    the dearest one to the row."""
    num_more = num_classes - len(costs)
    dearest = np.repeat(costs.max(axis=1, keepdims=True), num_more, axis=1)
    return np.vstack([np.hstack([costs, dearest]), np.zeros((num_more, num_classes))])
