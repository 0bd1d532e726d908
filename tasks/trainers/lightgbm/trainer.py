"""From a job to a model: trees until the validation loss no longer falls, of which those up to the best one stay."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import lightgbm

from tasks.model_input.inputs import Spec
from tasks.params.lightgbm import LightgbmTrain
from tasks.trainers.base import Fitted, Job, check_job, refuse_batch_changes, refuse_tokens
from tasks.trainers.lightgbm.boosting import LearningCurve, boost, share_of_errors
from tasks.trainers.lightgbm.matrix import Layout
from tasks.trainers.lightgbm.model import LabelScale, LightgbmModel, load
from tasks.trainers.lightgbm.rows import read_rows
from tasks.trainers.lightgbm.settings import device_errors, settings, with_device


class LightgbmTrainer:
    """Boosted trees. On a CPU the same rows give the same bytes, for any number of threads; a training that was killed
    begins anew, and ends with them, too."""

    requirements: tuple[str, ...] = ("lightgbm", "scipy")

    def fit(self, job: Job, config: LightgbmTrain) -> Fitted:
        check_job(job)
        # Before the parameters are made: `auto` is none of LightGBM's devices.
        config = with_device(config)
        refuse_tokens(job.spec, "lightgbm")
        refuse_batch_changes(job, "lightgbm")
        layout = Layout(job.spec, config.categories)
        is_weighted = config.class_weight is not None or job.train.weights() is not None
        scale = LabelScale.of(job.spec, job.train.targets(), job.train.weights())
        parameters = settings(layout, config, scale, job.train.num_rows, is_weighted=is_weighted)
        with device_errors(config):
            train, validation = read_rows(job, config, layout, scale, parameters)
            booster = lightgbm.Booster(parameters, train)
            booster.set_train_data_name("train").add_valid(validation, "validation")
            errors = share_of_errors(job.validation.weights()) if is_weighted and job.spec.classes else None
            curve = boost(booster, config, scale, job.listeners, errors)
        facts: dict[str, Any] = {"trees": curve.num_trees[-1], "best_tree": curve.num_trees[curve.best]}
        if config.device != "cpu":
            facts["device"] = config.device
        return Fitted(model=LightgbmModel(layout, _best_trees(booster, curve), scale), facts=facts)

    def load(self, folder: Path, spec: Spec) -> LightgbmModel:
        return load(folder, spec)


def _best_trees(booster: lightgbm.Booster, curve: LearningCurve) -> str:
    text = booster.model_to_string(num_iteration=curve.num_trees[curve.best])
    # The trees are the same for any number of threads, and so must the file be.
    return re.sub(r"\[num_threads: \d+\]", "[num_threads: 0]", text)
