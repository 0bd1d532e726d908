"""Linear estimators of scikit-learn, over dense and sparse columns side by side."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile, ZipInfo

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from skops import io as skops_io
from skops.io.exceptions import UntrustedTypesFoundException

from tasks.errors import UserError
from tasks.inputs import ModelInput, Spec, as_matrix
from tasks.params import LogisticRegression as LogisticRegressionConfig
from tasks.params import SklearnTrain
from tasks.trainers.base import (
    Fitted,
    Job,
    check_job,
    log_loss,
    read_model,
    refuse_batch_changes,
    refuse_tokens,
    score,
    write_model,
)

_WEIGHTS = "model.skops"
_TRUSTED: list[str] = []
"""Types beyond skops' own list of harmless ones; linear estimators need none."""
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""The first date that a zip file can hold."""


class SklearnModel:
    """A fitted estimator that answers encoded rows."""

    def __init__(self, spec: Spec, estimator: LogisticRegression | Ridge) -> None:
        self.spec, self.estimator = spec, estimator

    def predict(self, inputs: ModelInput) -> NDArray[np.float64]:
        shape = (inputs.num_rows, len(self.spec.classes)) if self.spec.classes else (inputs.num_rows,)
        answers = np.zeros(shape)
        if inputs.num_rows == 0:
            return answers
        matrix = as_matrix(self.spec, inputs).astype(np.float64)
        if not self.spec.classes:
            return np.asarray(self.estimator.predict(matrix), dtype=np.float64)
        # A class without a training row is unknown to the estimator; its probability stays zero.
        answers[:, self.estimator.classes_] = self.estimator.predict_proba(matrix)
        return answers

    def save(self, folder: Path) -> None:
        write_model(folder, "sklearn", self.spec, _WEIGHTS, same_bytes(skops_io.dumps(self.estimator)))


class SklearnTrainer:
    """Fits an estimator at once; there is one epoch to tell of."""

    requirements: tuple[str, ...] = ("scikit-learn", "scipy", "skops")

    def fit(self, job: Job, config: SklearnTrain) -> Fitted:
        check_job(job)
        refuse_tokens(job.spec, "sklearn")
        refuse_batch_changes(job, "sklearn")
        estimator = make_estimator(job.spec, config)
        for listener in job.listeners:
            listener.started(1)
        try:
            return self._fit(job, estimator)
        finally:
            for listener in job.listeners:
                listener.ended()

    def load(self, folder: Path, spec: Spec) -> SklearnModel:
        _, weights = read_model(folder, "sklearn", spec)
        try:
            return SklearnModel(spec, skops_io.loads(weights, trusted=_TRUSTED))
        except UntrustedTypesFoundException as error:
            raise UserError(f"{folder / _WEIGHTS}: holds types that are not trusted: {error}; train again") from None

    def _fit(self, job: Job, estimator: LogisticRegression | Ridge) -> Fitted:
        # float64, as the solver's tolerance is below what float32 can tell apart.
        matrix = as_matrix(job.spec, job.train.inputs).astype(np.float64)
        with warnings.catch_warnings():
            # Told as a fact instead, where a person looks for it.
            warnings.simplefilter("ignore", ConvergenceWarning)
            estimator.fit(matrix, job.train.target)
        _check_coefficients(estimator)
        model = SklearnModel(job.spec, estimator)
        metrics = _metrics(job, model)
        for listener in job.listeners:
            listener.epoch_ended(1, metrics)
        return Fitted(model=model, facts=_facts(estimator))


def make_estimator(spec: Spec, config: SklearnTrain) -> LogisticRegression | Ridge:
    """The estimator as configured. Raises UserError when it is not for the task."""
    estimator = config.estimator
    if isinstance(estimator, LogisticRegressionConfig):
        if not spec.classes:
            raise UserError(
                "train.estimator: logistic_regression tells classes apart, and the target is a number; use ridge"
            )
        return LogisticRegression(
            C=estimator.C, class_weight=estimator.class_weight, max_iter=estimator.max_iter, random_state=config.seed
        )
    if spec.classes:
        raise UserError("train.estimator: ridge predicts a number, and the target has classes; use logistic_regression")
    # Without a penalty the equations may have no single answer; lsqr takes the smallest one, without a warning.
    return Ridge(alpha=estimator.alpha, solver="auto" if estimator.alpha else "lsqr", random_state=config.seed)


def same_bytes(content: bytes) -> bytes:
    """A skops file without what differs from run to run: the zip's dates, and memory addresses as names and ids."""
    with ZipFile(io.BytesIO(content)) as source:
        schema = json.loads(source.read("schema.json"))
        target = io.BytesIO()
        with ZipFile(target, "w") as archive:
            for number, node in enumerate(_nodes(schema)):
                node["__id__"] = number
                if "file" in node:
                    arrays = source.read(node["file"])
                    node["file"] = f"{number}.npy"
                    archive.writestr(ZipInfo(node["file"], _LONG_AGO), arrays)
            archive.writestr(ZipInfo("schema.json", _LONG_AGO), json.dumps(schema, indent=2))
    return target.getvalue()


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    """All of a schema's nodes that stand for an object, in the order of the file."""
    if isinstance(value, dict):
        if "__id__" in value:
            yield value
        for inner in value.values():
            yield from _nodes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _nodes(inner)


def _check_coefficients(estimator: LogisticRegression | Ridge) -> None:
    if not np.isfinite(estimator.coef_).all():
        raise UserError(
            "train: the coefficients are not finite; scale the inputs (normalize: number: scale: standard), "
            "or make the penalty stronger (a smaller C, a larger alpha)"
        )


def _metrics(job: Job, model: SklearnModel) -> dict[str, float]:
    answers = model.predict(job.train.inputs)
    target = job.train.target
    train_loss = log_loss(answers, target) if job.spec.classes else float(np.mean(np.square(answers - target)))
    validation = score(job.spec, model.predict(job.validation.inputs), job.validation.target)
    return {"train_loss": train_loss, **validation}


def _facts(estimator: LogisticRegression | Ridge) -> dict[str, Any]:
    if isinstance(estimator, LogisticRegression):
        iterations = int(np.max(estimator.n_iter_))
        return {"iterations": iterations, "converged": iterations < estimator.max_iter}
    return {}
