"""How far a training has come: the trees, each iteration's metrics, and when it is to stop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tasks.params.train import LightgbmTrain
from tasks.trainers.lightgbm.trees import Forest


@dataclass
class Progress:
    """What a training leaves, and goes on from.

    `rows` are the metrics of each iteration, and `num_trees` the trees a class after it: an iteration that finds no
    split adds none. `best` is the first iteration with the lowest validation loss, from 0.
    """

    rows: list[dict[str, float]] = field(default_factory=list)
    num_trees: list[int] = field(default_factory=list)
    forest: Forest = field(default_factory=Forest)
    best: int = 0

    def note(self, metrics: Mapping[str, float], num_trees: int) -> None:
        """One more iteration."""
        if self.rows and metrics["validation_loss"] < self.rows[self.best]["validation_loss"]:
            self.best = len(self.rows)
        self.rows.append(dict(metrics))
        self.num_trees.append(num_trees)

    def is_over(self, config: LightgbmTrain) -> bool:
        """No iterations are left, or none of the last `patience` was better."""
        done = len(self.rows)
        return done >= config.num_iterations or (done > 0 and done - 1 - self.best >= config.patience)
