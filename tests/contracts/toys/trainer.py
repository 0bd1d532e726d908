"""A toy trainer: a row is of a class as often as training rows on its side of the first input's mean were."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.model_input.inputs import ModelInput, Spec, as_matrix
from tasks.trainers.base import Fitted, Job, check_job, read_model, score, write_model


@dataclass(frozen=True)
class ToyModel:
    spec: Spec
    bound: float
    shares: list[list[float]]

    def predict(self, inputs: ModelInput) -> NDArray[np.float64]:
        side = (as_matrix(self.spec, inputs)[:, 0] > self.bound).astype(int)
        return np.asarray(self.shares, dtype=np.float64)[side]

    def save(self, folder: Path) -> None:
        weights = json.dumps({"bound": self.bound, "shares": self.shares}).encode()
        write_model(folder, "toy", self.spec, "toy.json", weights)


class ToyTrainer:
    requirements: tuple[str, ...] = ()

    def fit(self, job: Job, config: Any) -> Fitted:
        check_job(job)
        train, validation = job.train.loaded(), job.validation.loaded()
        values = as_matrix(job.spec, train.inputs)[:, 0]
        bound = float(values.mean())
        shares = [self._shares(train.target[(values > bound) == above], job.spec.num_outputs) for above in (0, 1)]
        model = ToyModel(job.spec, bound, shares)
        metrics = score(job.spec, model.predict(validation.inputs), validation.target)
        for listener in job.listeners:
            listener.started(1)
            listener.epoch_ended(1, metrics)
            listener.ended()
        return Fitted(model=model)

    def load(self, folder: Path, spec: Spec) -> ToyModel:
        _, weights = read_model(folder, "toy", spec)
        return ToyModel(spec, **json.loads(weights))

    def _shares(self, target: NDArray[Any], num_classes: int) -> list[float]:
        counts = np.bincount(target, minlength=num_classes) + 1.0
        shares: list[float] = (counts / counts.sum()).tolist()
        return shares
