"""Boosted trees of scikit-learn: stopped on our validation rows, and cut back to the best of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from tasks.model_input.inputs import Spec
from tasks.params.train import HistGradientBoosting
from tasks.trainers.base import log_loss, score


def fit_boosting(estimator: Any, train: tuple[Any, Any], validation: tuple[Any, Any]) -> None:
    """Fits on inputs and targets of `train`, and stops by those of `validation` if it stops early at all."""
    if estimator.early_stopping:
        estimator.fit(*train, X_val=validation[0], y_val=validation[1])
    else:
        estimator.fit(*train)


def curve(spec: Spec, estimator: Any, train: tuple[Any, Any], validation: tuple[Any, Any]) -> list[dict[str, float]]:
    """The metrics after each round of trees. No tree is asked twice, so this costs what two predictions cost."""
    rounds = zip(_staged(spec, estimator, train[0]), _staged(spec, estimator, validation[0]), strict=True)
    return [
        {"train_loss": _loss(spec, seen, train[1]), **score(spec, unseen, validation[1])} for seen, unseen in rounds
    ]


def keep_best(estimator: Any, metrics: list[dict[str, float]], config: HistGradientBoosting) -> dict[str, Any]:
    """Drops the trees after the best round, if it may stop early. Returns the facts.

    scikit-learn keeps all trees that it grew. The list is private, but a second fit would double the time; a test holds
    that what is left is what a fit with that many rounds gives.
    """
    trees = len(metrics)
    best = trees if config.patience is None else 1 + int(np.argmin([one["validation_loss"] for one in metrics]))
    estimator._predictors = estimator._predictors[:best]
    return {"trees": trees, "best_tree": best}


def _staged(spec: Spec, estimator: Any, matrix: Any) -> Any:
    return estimator.staged_predict_proba(matrix) if spec.classes else estimator.staged_predict(matrix)


def _loss(spec: Spec, answers: Any, target: Any) -> float:
    return log_loss(answers, target) if spec.classes else float(np.mean(np.square(answers - target)))
