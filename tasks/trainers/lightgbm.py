"""Boosted trees in LightGBM, stopped early on the validation rows."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
from lightgbm.callback import CallbackEnv
from numpy.typing import NDArray

from tasks.errors import UserError
from tasks.inputs import Examples, ModelInput, Spec, as_matrix, input_labels
from tasks.params import LightgbmTrain
from tasks.trainers.base import Fitted, Job, check_job, read_model, refuse_batch_changes, refuse_tokens, write_model

_WEIGHTS = "model.txt"
_MOST_THREADS = 16
"""More of them only wait for each other on tables that one machine holds."""
_WORTH_SHARING = 200_000
"""Numbers in the training table from which several threads are faster than one."""


class LightgbmModel:
    """Trees that answer encoded rows."""

    def __init__(self, spec: Spec, text: str) -> None:
        self.spec, self.text = spec, text
        self.booster = lightgbm.Booster(model_str=text)

    def predict(self, inputs: ModelInput) -> NDArray[np.float64]:
        if inputs.num_rows == 0:
            return np.zeros((0, len(self.spec.classes)) if self.spec.classes else (0,))
        answers = np.asarray(self.booster.predict(as_matrix(self.spec, inputs)), dtype=np.float64)
        return np.column_stack([1 - answers, answers]) if self.spec.task == "binary" else answers

    def save(self, folder: Path) -> None:
        write_model(folder, "lightgbm", self.spec, _WEIGHTS, self.text.encode())


class LightgbmTrainer:
    """Trains trees until the validation loss no longer falls, and keeps those up to the best one."""

    requirements: tuple[str, ...] = ("lightgbm", "scipy")

    def fit(self, job: Job, config: LightgbmTrain) -> Fitted:
        check_job(job)
        refuse_tokens(job.spec, "lightgbm")
        refuse_batch_changes(job, "lightgbm")
        booster = _train(job, config)
        best = booster.best_iteration
        # The trees are the same for any number of threads, and so must the file be.
        text = re.sub(r"\[num_threads: \d+\]", "[num_threads: 0]", booster.model_to_string(num_iteration=best))
        facts = {"trees": booster.current_iteration(), "best_tree": best}
        return Fitted(model=LightgbmModel(job.spec, text), facts=facts)

    def load(self, folder: Path, spec: Spec) -> LightgbmModel:
        _, weights = read_model(folder, "lightgbm", spec)
        return LightgbmModel(spec, weights.decode())


def settings(spec: Spec, config: LightgbmTrain, num_rows: int) -> dict[str, Any]:
    """LightGBM's parameters, so that the same rows give the same trees.

    See https://lightgbm.readthedocs.io/en/stable/Parameters.html#deterministic.
    """
    num_inputs = sum(field.num_inputs for field in spec.fields)
    return {
        **_objective(spec),
        "learning_rate": config.learning_rate,
        "num_leaves": config.num_leaves,
        "min_data_in_leaf": config.min_data_in_leaf,
        "feature_fraction": config.feature_fraction,
        "lambda_l2": config.lambda_l2,
        "seed": config.seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1 if num_rows * num_inputs < _WORTH_SHARING else min(os.cpu_count() or 1, _MOST_THREADS),
        "verbosity": -1,
    }


def feature_names(labels: Sequence[str]) -> list[str]:
    """The labels without what LightGBM refuses or changes (JSON's marks and blanks), and each of them once."""
    seen: dict[str, int] = {}
    names = []
    for label in labels:
        name = re.sub(r'[\s",:\[\]{}]+', "_", label).strip("_") or "input"
        while name in seen:
            seen[name] += 1
            name = f"{name}_{seen[name]}"
        seen[name] = 1
        names.append(name)
    return names


def _train(job: Job, config: LightgbmTrain) -> lightgbm.Booster:
    parameters = settings(job.spec, config, job.train.inputs.num_rows)
    train = _dataset(job.spec, job.train, parameters)
    validation = train.create_valid(_matrix(job.spec, job.validation), label=job.validation.target)
    for listener in job.listeners:
        listener.started(config.num_iterations)
    try:
        return lightgbm.train(
            parameters,
            train,
            num_boost_round=config.num_iterations,
            valid_sets=[train, validation],
            valid_names=["train", "validation"],
            keep_training_booster=True,
            callbacks=[
                _teller(job, config),
                lightgbm.early_stopping(config.patience, first_metric_only=True, verbose=False),
            ],
        )
    finally:
        for listener in job.listeners:
            listener.ended()


def _objective(spec: Spec) -> dict[str, Any]:
    # The first metric is the loss: early stopping looks at that one.
    match spec.task:
        case "binary":
            return {"objective": "binary", "metric": ["binary_logloss", "binary_error"]}
        case "multiclass":
            metric = ["multi_logloss", "multi_error"]
            return {"objective": "multiclass", "num_class": len(spec.classes), "metric": metric}
        case "regression":
            return {"objective": "regression", "metric": ["l2"]}


def _dataset(spec: Spec, examples: Examples, parameters: dict[str, Any]) -> lightgbm.Dataset:
    names = feature_names(input_labels(spec))
    return lightgbm.Dataset(
        _matrix(spec, examples), label=examples.target, feature_name=names, params=parameters, free_raw_data=True
    )


def _matrix(spec: Spec, examples: Examples) -> Any:
    return as_matrix(spec, examples.inputs)


def _teller(job: Job, config: LightgbmTrain) -> Any:
    def tell(environment: CallbackEnv) -> None:
        metrics = _metrics(environment, config.learning_rate)
        if not all(np.isfinite(value) for value in metrics.values()):
            raise UserError(
                f"train: the loss is not finite at tree {environment.iteration + 1}; try a smaller "
                f"train.learning_rate (it is {config.learning_rate:g}), or scale the target"
            )
        for listener in job.listeners:
            listener.epoch_ended(environment.iteration + 1, metrics)

    # Before early stopping, which ends the training from order 30.
    tell.order = 20  # type: ignore[attr-defined]
    return tell


def _metrics(environment: CallbackEnv, learning_rate: float) -> dict[str, float]:
    values = {(part, metric): float(value) for part, metric, value, *_ in environment.evaluation_result_list or ()}
    loss, *errors = (metric for part, metric in values if part == "validation")
    validation_loss = values["validation", loss]
    if errors:
        last = {"validation_accuracy": 1 - values["validation", errors[0]]}
    else:
        last = {"validation_rmse": validation_loss**0.5}
    train_loss = values["train", loss]
    return {"train_loss": train_loss, "validation_loss": validation_loss, **last, "learning_rate": learning_rate}
