"""From a job to a model: trees until the validation loss no longer falls, of which those up to the best one stay."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tasks.model_input.inputs import Spec
from tasks.params.train import LightgbmTrain
from tasks.trainers.base import Fitted, Job, check_job, refuse_batch_changes, refuse_tokens
from tasks.trainers.lightgbm.checkpoints import Checkpoints
from tasks.trainers.lightgbm.matrix import Layout
from tasks.trainers.lightgbm.model import LightgbmModel, load
from tasks.trainers.lightgbm.progress import Progress
from tasks.trainers.lightgbm.rows import read_rows
from tasks.trainers.lightgbm.segments import Growth, segment_length
from tasks.trainers.lightgbm.settings import device_errors, settings, with_device


class LightgbmTrainer:
    """Boosted trees. On a CPU the same rows give the same bytes, for any number of threads, and also when the training
    was killed and went on from a checkpoint."""

    requirements: tuple[str, ...] = ("lightgbm", "scipy")

    def fit(self, job: Job, config: LightgbmTrain) -> Fitted:
        check_job(job)
        config = with_device(config)
        refuse_tokens(job.spec, "lightgbm")
        refuse_batch_changes(job, "lightgbm")
        layout = Layout(job.spec, config.categories)
        length = segment_length(job.train.num_rows, layout)
        checkpoints = Checkpoints(job, config, length)
        progress = checkpoints.read()
        parameters = settings(layout, config, job.train.num_rows)
        with device_errors(config):
            train, validation = read_rows(job, config, layout, parameters)
            growth = Growth(config, layout, parameters, train, validation, length)
            _grow(growth, progress, job, checkpoints)
        facts: dict[str, Any] = {"trees": progress.num_trees[-1], "best_tree": progress.num_trees[progress.best]}
        if config.device != "cpu":
            facts["device"] = config.device
        return Fitted(model=LightgbmModel(layout, _best_trees(progress)), facts=facts)

    def load(self, folder: Path, spec: Spec) -> LightgbmModel:
        return load(folder, spec)


def _grow(growth: Growth, progress: Progress, job: Job, checkpoints: Checkpoints) -> None:
    """Tells the listeners of every iteration, first of those that a checkpoint remembers."""

    def tell(iteration: int, metrics: Mapping[str, float]) -> None:
        for listener in job.listeners:
            listener.epoch_ended(iteration, metrics)

    for listener in job.listeners:
        listener.started(growth.config.num_iterations)
    try:
        for iteration, metrics in enumerate(progress.rows, start=1):
            tell(iteration, metrics)
        growth.grow(progress, tell, checkpoints.write_when_due)
    finally:
        for listener in job.listeners:
            listener.ended()


def _best_trees(progress: Progress) -> str:
    text = progress.forest.booster().model_to_string(num_iteration=progress.num_trees[progress.best])
    # The trees are the same for any number of threads, and so must the file be.
    return re.sub(r"\[num_threads: \d+\]", "[num_threads: 0]", text)
