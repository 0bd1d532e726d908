"""The training itself: one iteration after another, until none of the last ones was better."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import lightgbm
import numpy as np
from numpy.typing import NDArray

from tasks.errors import UserError
from tasks.params.lightgbm import LightgbmTrain
from tasks.trainers.lightgbm.model import LabelScale
from tasks.trainers.listener import Listener

Errors = Callable[[NDArray[np.float64], lightgbm.Dataset], tuple[str, float, bool]]


@dataclass
class LearningCurve:
    """The metrics of each iteration, and the trees a class after it: an iteration that finds no split adds none.

    `best` is the first iteration with the lowest validation loss, from 0.
    """

    metrics: list[dict[str, float]] = field(default_factory=list)
    num_trees: list[int] = field(default_factory=list)
    best: int = 0

    def add(self, metrics: Mapping[str, float], num_trees: int) -> None:
        """One more iteration."""
        if self.metrics and metrics["validation_loss"] < self.metrics[self.best]["validation_loss"]:
            self.best = len(self.metrics)
        self.metrics.append(dict(metrics))
        self.num_trees.append(num_trees)

    def is_over(self, config: LightgbmTrain) -> bool:
        """No iterations are left, or none of the last `patience` was better."""
        done = len(self.metrics)
        # Before the first iteration there is no best one to have waited since.
        return done >= config.num_iterations or (done > 0 and done - 1 - self.best >= config.patience)


def boost(
    booster: lightgbm.Booster,
    config: LightgbmTrain,
    scale: LabelScale,
    listeners: Sequence[Listener],
    errors: Errors | None = None,
) -> LearningCurve:
    """Grows the booster's trees until it is over, and tells the listeners of every iteration, from 1.

    `errors` is the share of wrong answers where LightGBM's own would count by the weights of classes.

    Raises UserError when a loss is not finite.
    """
    curve = LearningCurve()
    for listener in listeners:
        listener.started(config.num_iterations)
    try:
        while not curve.is_over(config):
            booster.update()
            metrics = _metrics(booster, config, scale, errors)
            _check_finite(metrics, len(curve.metrics) + 1, config)
            curve.add(metrics, booster.current_iteration())
            for listener in listeners:
                listener.epoch_ended(len(curve.metrics), metrics)
    finally:
        for listener in listeners:
            listener.ended()
    return curve


def _metrics(
    booster: lightgbm.Booster, config: LightgbmTrain, scale: LabelScale, share: Errors | None
) -> dict[str, float]:
    results = [*booster.eval_train(), *booster.eval_valid(share)]
    values = {(part, metric): float(value) for part, metric, value, *_ in results}
    # The loss is the first metric, as `settings` lists them.
    loss, *errors = (metric for part, metric in values if part == "validation")
    # Squared errors of scaled labels, as what is told is in the target's own unit; of classes the scale is 1.
    unit = scale.scale**2
    train_loss, validation_loss = values["train", loss] * unit, values["validation", loss] * unit
    if errors:
        last = {"validation_accuracy": 1 - values["validation", errors[0]]}
    else:
        last = {"validation_rmse": validation_loss**0.5}
    losses = {"train_loss": train_loss, "validation_loss": validation_loss}
    return {**_rounded(losses | last), "learning_rate": config.learning_rate}


def share_of_errors(weight: NDArray[np.float64] | None) -> Errors:
    """The rows whose class is not the likeliest one, each as much as its own weight [N] says, or as any other.

    LightGBM's own figure has the weights of classes in it, and accuracy is without these everywhere else.
    """

    def errors(probabilities: NDArray[np.float64], dataset: lightgbm.Dataset) -> tuple[str, float, bool]:
        # [N] or [N, classes]
        predicted = probabilities > 0.5 if probabilities.ndim == 1 else probabilities.argmax(axis=1)
        return "error", float(np.average(predicted != dataset.get_label(), weights=weight)), False

    return errors


def _rounded(metrics: Mapping[str, float]) -> dict[str, float]:
    """To 12 significant digits: the last ones depend on how many threads summed, and might choose another best tree."""
    return {name: float(f"{value:.12g}") for name, value in metrics.items()}


def _check_finite(metrics: Mapping[str, float], iteration: int, config: LightgbmTrain) -> None:
    if not all(np.isfinite(value) for value in metrics.values()):
        raise UserError(
            f"train: the loss is not finite at tree {iteration}; try a smaller train.learning_rate "
            f"(it is {config.learning_rate:g}), or scale the target"
        )
