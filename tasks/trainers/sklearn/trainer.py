"""Fits an estimator of scikit-learn: all rows in memory, the same bytes from the same rows on any number of cores."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from threadpoolctl import threadpool_limits

from tasks.errors import UserError
from tasks.model_input.inputs import Examples, Spec
from tasks.params.sklearn import (
    ExtraTrees,
    HistGradientBoosting,
    ImportedEstimator,
    KNeighbors,
    RandomForest,
    SklearnTrain,
    Svm,
)
from tasks.trainers.base import (
    Fitted,
    Job,
    center_and_scale,
    check_job,
    mean_loss,
    refuse_batch_changes,
    refuse_tokens,
    score,
)
from tasks.trainers.sklearn.estimators import make_estimator, make_reading
from tasks.trainers.sklearn.files import to_bytes
from tasks.trainers.sklearn.matrix import read_matrix
from tasks.trainers.sklearn.model import Asking, SklearnModel, load_model

_MOST_ASKED = 10_000
"""Training rows that are asked for the training loss where an answer costs as much as all training rows."""

Rows = tuple[Any, Any, Any]
"""Inputs as the estimator reads them, targets, and how much each row counts, or None where all count the same."""


class SklearnTrainer:
    """Fits an estimator at once, with one epoch to tell of; boosted trees have one a round."""

    requirements: tuple[str, ...] = ("scikit-learn", "scipy", "skops")

    def fit(self, job: Job, config: SklearnTrain) -> Fitted:
        check_job(job)
        refuse_tokens(job.spec, "sklearn")
        refuse_batch_changes(job, "sklearn")
        train, validation = job.train.loaded(), job.validation.loaded()
        estimator = make_estimator(job.spec, config, train)
        estimator_config = config.estimator
        for listener in job.listeners:
            listener.started(estimator_config.max_iter if isinstance(estimator_config, HistGradientBoosting) else 1)
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
    train_rows: Rows = read_matrix(job.spec, train.inputs, reading), train.target, train.weight
    validation_rows: Rows = read_matrix(job.spec, validation.inputs, reading), validation.target, validation.weight
    asking = Asking(reading=reading, **_units(job.spec, config, train), allowed=_allowed(config))
    facts = _fit_estimator(config, estimator, asking, train_rows, validation_rows)
    if "n_jobs" in estimator.get_params(deep=False):
        # Several threads add up a forest's answers in the order in which they are ready.
        estimator.set_params(n_jobs=None)
    if isinstance(config.estimator, ImportedEstimator):
        to_bytes(estimator, asking.allowed)  # whether it can be saved at all is better known now than at the end
    if job.spec.classes and not hasattr(estimator, "predict_proba"):
        estimator = _calibrate(estimator, validation_rows)
    model = SklearnModel(job.spec, estimator, asking)
    facts |= _report_rounds(job, config, model, train_rows, validation_rows)
    return Fitted(model=model, facts=facts, diagnostics=_diagnostics(facts))


def _fit_estimator(
    config: SklearnTrain, estimator: Any, asking: Asking, train: Rows, validation: Rows
) -> dict[str, Any]:
    if isinstance(config.estimator, HistGradientBoosting):
        _fit_boosting(estimator, train, validation)
        return {}
    inputs, target, weight = train
    # Not given where there are none: some estimators do not know the word.
    weights = {} if weight is None else {"sample_weight": weight}
    if target.dtype.kind == "f":
        target = (target.astype(np.float64) - asking.center) / asking.scale
    if not isinstance(config.estimator, ImportedEstimator):
        return _watched(estimator, lambda: estimator.fit(inputs, target, **weights))
    try:
        return _watched(estimator, lambda: estimator.fit(inputs, target, **weights))
    except ValueError as error:  # by which scikit-learn's estimators refuse settings, and rows that are not for them
        raise UserError(f"train.estimator: {config.estimator.path} refuses to be fitted: {error}") from None


def _calibrate(estimator: Any, validation: Rows) -> CalibratedClassifierCV:
    """The fitted estimator with a sigmoid for each class that makes probabilities of its scores.

    Platt, "Probabilistic outputs for support vector machines", 1999. Learnt on the validation rows: the estimator did
    not see them, so their scores are as those of new rows. Frozen, as scikit-learn would else fit it five more times.
    """
    inputs, target, weight = validation
    missing = np.setdiff1d(estimator.classes_, target)
    # A class that no row is of would be unknown. A row of weight zero makes it known, and teaches nothing.
    places = np.append(np.arange(len(target)), np.zeros(len(missing), dtype=np.int64))
    weights = np.append(np.ones(len(target)) if weight is None else weight, np.zeros(len(missing)))
    # One fold of all rows, as nothing is fitted on others: five, the default, would need five rows of each class.
    fold = np.arange(len(places)), np.arange(len(places))
    calibrated = CalibratedClassifierCV(FrozenEstimator(estimator), method="sigmoid", cv=[fold])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Since FrozenEstimator does not appear to accept sample_weight")
        calibrated.fit(inputs[places], np.append(target, missing), sample_weight=weights)
    # What fits beside the sigmoids is of no use any more, and a file would hold the estimator twice.
    return calibrated.set_params(estimator=None, cv=None)


def _watched(estimator: Any, fit: Callable[[], object]) -> dict[str, Any]:
    """Fits, and says as facts instead of a warning whether the solver came to an end."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit()
    others = [warning for warning in caught if not issubclass(warning.category, ConvergenceWarning)]
    for warning in others:
        warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    # Solvers only: neighbours, forests and the like have none. One for each class or pair of classes, so the largest.
    iterations = getattr(estimator, "n_iter_", None)
    if iterations is None:
        return {}
    return {"iterations": int(np.max(iterations)), "converged": len(others) == len(caught)}


def _units(spec: Spec, config: SklearnTrain, train: Examples) -> dict[str, float]:
    """A target's center and scale: the C and epsilon of a support vector machine are in its standard deviations, and a
    forest compares sums of squares, which have no digits left of numbers that are large and differ little."""
    if spec.classes or not isinstance(config.estimator, Svm | RandomForest | ExtraTrees):
        return {}
    center, scale = center_and_scale(train.target, train.weight)
    return {"center": center, "scale": scale}


def _allowed(config: SklearnTrain) -> tuple[str, ...]:
    return config.estimator.allowed if isinstance(config.estimator, ImportedEstimator) else ()


def _report_rounds(
    job: Job, config: SklearnTrain, model: SklearnModel, train: Rows, validation: Rows
) -> dict[str, Any]:
    """Tells the listeners how it went, round by round where there are rounds. Returns the facts of the rounds."""
    facts: dict[str, Any] = {}
    if isinstance(config.estimator, HistGradientBoosting):
        rounds = _learning_curve(job.spec, model.estimator, train, validation)
        facts = _keep_best(model.estimator, rounds, config.estimator)
    else:
        rounds = [_metrics(job.spec, config, model, train, validation)]
    for number, metrics in enumerate(rounds, start=1):
        _check_metrics(metrics)
        for listener in job.listeners:
            listener.epoch_ended(number, metrics)
    return facts


def _metrics(spec: Spec, config: SklearnTrain, model: SklearnModel, train: Rows, validation: Rows) -> dict[str, float]:
    rows = _sampled(train) if isinstance(config.estimator, Svm | KNeighbors | ImportedEstimator) else train
    train_loss = mean_loss(spec, model.answer(rows[0]), *rows[1:])
    return {"train_loss": train_loss, **score(spec, model.answer(validation[0]), *validation[1:])}


def _sampled(rows: Rows) -> Rows:
    """At most so many rows, taken evenly."""
    # Rounded up, or there could be twice as many.
    step = -(-len(rows[1]) // _MOST_ASKED)
    inputs, target, weight = rows
    return inputs[::step], target[::step], None if weight is None else weight[::step]


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


def _fit_boosting(estimator: Any, train: Rows, validation: Rows) -> None:
    """Fits on inputs and targets of `train`, and stops by those of `validation` if it stops early at all."""
    if estimator.early_stopping:
        inputs, target, weight = validation
        estimator.fit(*train, X_val=inputs, y_val=target, sample_weight_val=weight)
    else:
        estimator.fit(*train)


def _learning_curve(spec: Spec, estimator: Any, train: Rows, validation: Rows) -> list[dict[str, float]]:
    """The metrics after each round of trees. No tree is asked twice, so this costs what two predictions cost."""
    rounds = zip(_staged(spec, estimator, train[0]), _staged(spec, estimator, validation[0]), strict=True)
    return [
        {"train_loss": mean_loss(spec, on_train, *train[1:]), **score(spec, on_validation, *validation[1:])}
        for on_train, on_validation in rounds
    ]


def _keep_best(estimator: Any, metrics: list[dict[str, float]], config: HistGradientBoosting) -> dict[str, Any]:
    """Drops the trees after the best round, if it may stop early. Returns the facts.

    scikit-learn keeps all trees that it grew. The list is private, but a second fit would double the time; a test holds
    that what is left is what a fit with that many rounds gives.
    """
    trees = len(metrics)
    best = trees if config.patience is None else 1 + int(np.argmin([row["validation_loss"] for row in metrics]))
    estimator._predictors = estimator._predictors[:best]
    return {"trees": trees, "best_tree": best}


def _staged(spec: Spec, estimator: Any, matrix: Any) -> Any:
    return estimator.staged_predict_proba(matrix) if spec.classes else estimator.staged_predict(matrix)
