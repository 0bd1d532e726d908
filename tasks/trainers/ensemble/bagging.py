"""One member's models: one for each fold, learnt from all other rows, so that every row is answered by one that did not
learn from it (Breiman, "Bagging predictors", 1996; Parmanto, Munro and Doyle, 1996, of folds)."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks import files, trainers
from tasks.errors import UserError
from tasks.model_input.inputs import Examples
from tasks.trainers.base import Job, Model, mean_loss
from tasks.trainers.ensemble.folds import Folds
from tasks.trainers.ensemble.model import bounds_of, within

_MOST_ASKED = 10_000
"""Rows of a training that are asked once more for its loss: some members take as long to answer as to learn."""


@dataclass(frozen=True, kw_only=True)
class Bag:
    """A member's models, and what they say of the rows that they were not given: [N, K] or [N], NaN where all were.

    `train_loss` is the mean loss on rows that they were given.
    """

    name: str
    models: tuple[Model, ...]
    answers: NDArray[np.float64]
    train_loss: float


class TimeLimit:
    """What may still be begun: all of it without a limit, else what ends in time by what it took so far."""

    def __init__(self, minutes: float | None) -> None:
        self._deadline = None if minutes is None else time.monotonic() + 60 * minutes

    def fits(self, seconds: float) -> bool:
        """Whether so many more seconds end in time."""
        return self._deadline is None or time.monotonic() + seconds <= self._deadline


def bag(name: str, config: Any, job: Job, rows: Examples, folds: Folds, limit: TimeLimit) -> Bag | None:
    """Trains the member on all folds; None when they would not end in time. Raises UserError that names the member."""
    answers = np.full((rows.num_rows, *((len(job.spec.classes),) if job.spec.classes else ())), np.nan)
    models, losses = [], []
    numbers, bounds = np.unique(folds[folds >= 0]), bounds_of(job.spec, rows.target)
    seconds = 0.0
    for done, number in enumerate(numbers):
        # The slowest fold so far stands for those to come.
        if not limit.fits(seconds * (len(numbers) - done)):
            return None
        began = time.monotonic()
        inside, outside = np.flatnonzero(folds == number), np.flatnonzero(folds != number)
        of_fold = replace(job, train=rows.take(outside), validation=rows.take(inside), listeners=())
        model = _fitted(name, config, of_fold, int(number))
        answers[inside] = within(model.predict(of_fold.validation.loaded().inputs), bounds)
        asked = rows.take(_evenly(outside))
        losses.append(mean_loss(job.spec, within(model.predict(asked.inputs), bounds), asked.target, asked.weight))
        models.append(model)
        seconds = max(seconds, time.monotonic() - began)
    return Bag(name=name, models=tuple(models), answers=answers, train_loss=float(np.mean(losses)))


def _fitted(name: str, config: Any, job: Job, number: int) -> Model:
    """The model of one fold, or the one that a training which was killed has left."""
    place = None if job.checkpoints is None else job.checkpoints / name / str(number)
    done = None if place is None else place / "model"
    if done is not None and done.exists():
        return trainers.load(done, job.spec)
    try:
        model = trainers.fit(replace(job, checkpoints=place), config).model
    except UserError as error:
        raise UserError(f"train.members, {name}: {str(error).removeprefix('train: ')}") from None
    if done is not None:
        _keep(model, done)
    return model


def _keep(model: Model, folder: Path) -> None:
    with files.aside(folder) as draft:
        draft.mkdir()
        model.save(draft)


def _evenly(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    # Rounded up, or there could be twice as many.
    return numbers[:: -(-len(numbers) // _MOST_ASKED)]
