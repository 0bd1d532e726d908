"""The rows as LightGBM holds them, with the score that the trees so far give each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

from tasks.model_input.inputs import Examples
from tasks.params.train import LightgbmTrain
from tasks.trainers.base import Job
from tasks.trainers.lightgbm.matrix import Layout
from tasks.trainers.lightgbm.trees import Forest, add_to_scores
from tasks.trainers.lightgbm.weights import class_weights


@dataclass(frozen=True)
class Rows:
    """One part's rows: as LightGBM's data set, as examples, and their raw scores [N, scores a row]."""

    dataset: lightgbm.Dataset
    examples: Examples
    scores: NDArray[np.float64]

    def begin_with_scores(self) -> None:
        """The next booster goes on from the scores."""
        self.dataset.set_init_score(self.scores if self.scores.shape[1] > 1 else self.scores[:, 0])

    def add(self, booster: lightgbm.Booster, forest: Forest, layout: Layout) -> None:
        """Adds to the scores what the trees answer; the booster is theirs."""
        add_to_scores(self.scores, booster, forest, layout, self.examples.inputs)


def read_rows(job: Job, config: LightgbmTrain, layout: Layout, parameters: dict[str, Any]) -> tuple[Rows, Rows]:
    """The training rows and the validation rows, which LightGBM cuts into the same bins.

    Class weights hold for both: the loss that stops the training must be the loss that is learnt, or it would stop at
    the tree that is best for the frequent classes.
    """
    learnt, judged = job.train.loaded(), job.validation.loaded()
    weights = class_weights(job.spec, config, learnt.target)
    train = lightgbm.Dataset(
        layout.matrix(learnt.inputs),
        label=learnt.target,
        weight=_row_weights(weights, learnt),
        feature_name=layout.names,
        categorical_feature=layout.native,
        params=parameters,
        free_raw_data=True,
    )
    validation = train.create_valid(
        layout.matrix(judged.inputs),
        label=judged.target,
        weight=_row_weights(weights, judged),
        params=parameters,  # without them LightGBM would set the number of threads of the whole process anew
    )
    return _with_scores(train, learnt, layout), _with_scores(validation, judged, layout)


def _row_weights(weights: NDArray[np.float64] | None, examples: Examples) -> NDArray[np.float64] | None:
    return None if weights is None else weights[examples.target]


def _with_scores(dataset: lightgbm.Dataset, examples: Examples, layout: Layout) -> Rows:
    return Rows(dataset, examples, np.zeros((examples.inputs.num_rows, layout.num_scores)))
