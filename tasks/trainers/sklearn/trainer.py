"""Fits an estimator of scikit-learn: all rows in memory, the same bytes from the same rows on any number of cores."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from tasks.errors import UserError
from tasks.model_input.inputs import Examples, Spec
from tasks.params.train import HistGradientBoosting, ImportedEstimator, KNeighbors, SklearnTrain, Svm
from tasks.trainers.base import Fitted, Job, check_job, log_loss, refuse_batch_changes, refuse_tokens, score
from tasks.trainers.sklearn.boosting import curve, fit_boosting, keep_best
from tasks.trainers.sklearn.calibration import Rows, calibrated
from tasks.trainers.sklearn.estimators import make_estimator, make_reading
from tasks.trainers.sklearn.files import to_bytes
from tasks.trainers.sklearn.matrix import read_matrix
from tasks.trainers.sklearn.model import Asking, SklearnModel, load_model

_MOST_ASKED = 10_000
"""Training rows that are asked for the training loss where an answer costs as much as all training rows."""


class SklearnTrainer:
    """Fits an estimator at once, with one epoch to tell of; boosted trees have one a round."""

    requirements: tuple[str, ...] = ("scikit-learn", "scipy", "skops")

    def fit(self, job: Job, config: SklearnTrain) -> Fitted:
        check_job(job)
        refuse_tokens(job.spec, "sklearn")
        refuse_batch_changes(job, "sklearn")
        train, validation = job.train.loaded(), job.validation.loaded()
        estimator = make_estimator(job.spec, config, train)
        one = config.estimator
        for listener in job.listeners:
            listener.started(one.max_iter if isinstance(one, HistGradientBoosting) else 1)
        try:
            # Sums of several threads differ in the last bits from run to run; a forest has threads of its own kind.
            with threadpool_limits(1):
                return _fit(job, config, estimator, train, validation)
        finally:
            for listener in job.listeners:
                listener.ended()

    def load(self, folder: Path, spec: Spec) -> SklearnModel:
        return load_model(folder, spec)


def _fit(job: Job, config: SklearnTrain, estimator: Any, train: Examples, validation: Examples) -> Fitted:
    reading = make_reading(job.spec, estimator, train)
    seen: Rows = read_matrix(job.spec, train.inputs, reading), train.target
    unseen: Rows = read_matrix(job.spec, validation.inputs, reading), validation.target
    asking = Asking(reading=reading, **_units(job.spec, config, seen[1]), allowed=_allowed(config))
    facts = _fit_estimator(config, estimator, asking, seen, unseen)
    if "n_jobs" in estimator.get_params(deep=False):
        # Several threads add up a forest's answers in the order in which they are ready.
        estimator.set_params(n_jobs=None)
    if job.spec.classes and not hasattr(estimator, "predict_proba"):
        estimator = calibrated(estimator, seen, unseen)
    model = SklearnModel(job.spec, estimator, asking)
    if isinstance(config.estimator, ImportedEstimator):
        to_bytes(estimator, asking.allowed)  # whether it can be saved at all is better known now than at the end
    facts |= _tell(job, config, model, seen, unseen)
    return Fitted(model=model, facts=facts, diagnostics=_diagnostics(facts))


def _fit_estimator(
    config: SklearnTrain, estimator: Any, asking: Asking, train: Rows, validation: Rows
) -> dict[str, Any]:
    if isinstance(config.estimator, HistGradientBoosting):
        fit_boosting(estimator, train, validation)
        return {}
    inputs, target = train
    if target.dtype.kind == "f":
        target = (target.astype(np.float64) - asking.center) / asking.spread
    if not isinstance(config.estimator, ImportedEstimator):
        return _watched(estimator, lambda: estimator.fit(inputs, target))
    try:
        return _watched(estimator, lambda: estimator.fit(inputs, target))
    except ValueError as error:  # by which scikit-learn's estimators refuse settings, and rows that are not for them
        raise UserError(f"train.estimator: {config.estimator.path} refuses to be fitted: {error}") from None


def _watched(estimator: Any, fit: Callable[[], object]) -> dict[str, Any]:
    """Fits, and says as facts instead of a warning whether the solver came to an end."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit()
    others = [one for one in caught if not issubclass(one.category, ConvergenceWarning)]
    for one in others:
        warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
    iterations = getattr(estimator, "n_iter_", None)
    if iterations is None:
        return {}
    return {"iterations": int(np.max(iterations)), "converged": len(others) == len(caught)}


def _units(spec: Spec, config: SklearnTrain, target: Any) -> dict[str, float]:
    """Where numbers begin and their unit: a support vector machine's C and epsilon are in deviations of the target."""
    if spec.classes or not isinstance(config.estimator, Svm):
        return {}
    values = target.astype(np.float64)
    return {"center": float(values.mean()), "spread": float(values.std()) or 1.0}


def _allowed(config: SklearnTrain) -> tuple[str, ...]:
    return config.estimator.allowed if isinstance(config.estimator, ImportedEstimator) else ()


def _tell(job: Job, config: SklearnTrain, model: SklearnModel, train: Rows, validation: Rows) -> dict[str, Any]:
    """Tells the listeners how it went, round by round where there are rounds. Returns the facts of the rounds."""
    facts: dict[str, Any] = {}
    if isinstance(config.estimator, HistGradientBoosting):
        rounds = curve(job.spec, model.estimator, train, validation)
        facts = keep_best(model.estimator, rounds, config.estimator)
    else:
        rounds = [_metrics(job.spec, config, model, train, validation)]
    for number, metrics in enumerate(rounds, start=1):
        _check_metrics(metrics)
        for listener in job.listeners:
            listener.epoch_ended(number, metrics)
    return facts


def _metrics(spec: Spec, config: SklearnTrain, model: SklearnModel, train: Rows, validation: Rows) -> dict[str, float]:
    inputs, target = _some(train) if isinstance(config.estimator, Svm | KNeighbors | ImportedEstimator) else train
    answers = model.answer(inputs)
    train_loss = log_loss(answers, target) if spec.classes else float(np.mean(np.square(answers - target)))
    return {"train_loss": train_loss, **score(spec, model.answer(validation[0]), validation[1])}


def _some(rows: Rows) -> Rows:
    """At most so many rows, taken evenly."""
    step = -(-len(rows[1]) // _MOST_ASKED)
    return rows[0][::step], rows[1][::step]


def _check_metrics(metrics: dict[str, float]) -> None:
    if not np.isfinite(list(metrics.values())).all():
        raise UserError(
            "train: the model's answers are not finite; scale the inputs (normalize: number: scale: standard), or make "
            "the penalty stronger (a smaller C, a larger alpha)"
        )


def _diagnostics(facts: dict[str, Any]) -> tuple[str, ...]:
    if facts.get("converged") is False:
        return (
            f"the solver had not come to an end after {facts['iterations']:,} iterations: give more (max_iter), or "
            "scale the inputs (normalize: number: scale: standard)",
        )
    return ()
