"""The training itself, in segments of a fixed number of trees, so that a killed one goes on as if it never was.

LightGBM cannot write down the state of a booster that trains: its text holds neither the rows' scores nor where its
random numbers stand. So every training, killed or not, ends its booster after each segment, and begins the next with a
new one: from the scores that the trees so far give, and with seeds made of the segment's number. What a segment does
depends on the trees before it and on nothing else, so a checkpoint at its end need only hold the trees.

The cut itself changes no tree: leaf values survive LightGBM's text to the bit, and scores are summed in its order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

from tasks.errors import UserError
from tasks.params.train import LightgbmTrain
from tasks.trainers.lightgbm.matrix import Layout
from tasks.trainers.lightgbm.progress import Progress
from tasks.trainers.lightgbm.rows import Rows
from tasks.trainers.lightgbm.settings import seeds_of_segment
from tasks.trainers.lightgbm.trees import Forest

_MOST, _FEWEST = 50, 10
_WORK = 5_000_000_000
"""Numbers that the trees of a segment go through; beyond it segments are shorter, as a kill costs up to a whole one."""
_WORDS = 100
"""Numbers that a row of sparse inputs has, roughly, however many inputs there are."""


def segment_length(num_rows: int, layout: Layout) -> int:
    """Iterations in a segment. Its end costs from half a tree (numbers) to three (text), and a tenth of each tree."""
    values = sum(
        min(field.num_inputs, _WORDS) if field.kind == "sparse" else field.num_inputs for field in layout.fields
    )
    return min(_MOST, max(_FEWEST, _WORK // max(1, num_rows * values * layout.num_scores)))


@dataclass(frozen=True)
class Growth:
    """Grows trees on the rows, `length` iterations a segment."""

    config: LightgbmTrain
    layout: Layout
    parameters: Mapping[str, Any]
    train: Rows
    validation: Rows
    length: int

    def grow(
        self, progress: Progress, tell: Callable[[int, Mapping[str, float]], None], keep: Callable[[Progress], None]
    ) -> None:
        """Goes on from `progress` until it is over; tells each iteration from 1, and what is to be kept at each end."""
        if progress.forest.trees and not progress.is_over(self.config):
            self._add(progress.forest.booster(), progress.forest)
        while not progress.is_over(self.config):
            booster = self._booster(len(progress.rows) // self.length)
            self._grow_segment(booster, progress, tell)
            grown = Forest.of(booster)
            progress.forest = progress.forest.followed_by(grown)
            if not progress.is_over(self.config):
                self._add(booster, grown)
            keep(progress)

    def _booster(self, number: int) -> lightgbm.Booster:
        """A booster for segment `number`, from 0."""
        if number:
            self.train.begin_with_scores()
            self.validation.begin_with_scores()
        booster = lightgbm.Booster({**self.parameters, **seeds_of_segment(self.config, number)}, self.train.dataset)
        booster.set_train_data_name("train")
        return booster.add_valid(self.validation.dataset, "validation")

    def _grow_segment(
        self, booster: lightgbm.Booster, progress: Progress, tell: Callable[[int, Mapping[str, float]], None]
    ) -> None:
        before = progress.num_trees[-1] if progress.num_trees else 0
        for _ in range(self.length):
            booster.update()
            metrics = self._metrics(booster)
            _check_finite(metrics, len(progress.rows) + 1, self.config)
            progress.note(metrics, before + booster.current_iteration())
            tell(len(progress.rows), metrics)
            if progress.is_over(self.config):
                break

    def _metrics(self, booster: lightgbm.Booster) -> dict[str, float]:
        is_weighted = self.config.class_weight is not None
        results = [*booster.eval_train(), *booster.eval_valid(share_of_errors if is_weighted else None)]
        values = {(part, metric): float(value) for part, metric, value, *_ in results}
        loss, *errors = (metric for part, metric in values if part == "validation")
        validation_loss = values["validation", loss]
        if errors:
            last = {"validation_accuracy": 1 - values["validation", errors[0]]}
        else:
            last = {"validation_rmse": validation_loss**0.5}
        losses = {"train_loss": values["train", loss], "validation_loss": validation_loss}
        return {**_rounded(losses | last), "learning_rate": self.config.learning_rate}

    def _add(self, booster: lightgbm.Booster, forest: Forest) -> None:
        self.train.add(booster, forest, self.layout)
        self.validation.add(booster, forest, self.layout)


def share_of_errors(answers: NDArray[np.float64], dataset: lightgbm.Dataset) -> tuple[str, float, bool]:
    """The rows whose class is not the likeliest one, each as much as any other: LightGBM's own figure has the class
    weights in it, and accuracy means the plain one everywhere else. `answers` [N] or [N, classes] are probabilities."""
    found = answers > 0.5 if answers.ndim == 1 else answers.argmax(axis=1)
    return "error", float(np.mean(found != dataset.get_label())), False


def _rounded(metrics: Mapping[str, float]) -> dict[str, float]:
    """To 12 significant digits: the last ones depend on how many threads summed, and might choose another best tree."""
    return {name: float(f"{value:.12g}") for name, value in metrics.items()}


def _check_finite(metrics: Mapping[str, float], iteration: int, config: LightgbmTrain) -> None:
    if not all(np.isfinite(value) for value in metrics.values()):
        raise UserError(
            f"train: the loss is not finite at tree {iteration}; try a smaller train.learning_rate "
            f"(it is {config.learning_rate:g}), or scale the target"
        )
