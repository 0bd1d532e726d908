"""Estimators as configured, and how each of them reads rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import ElasticNet, LogisticRegression, Ridge
from sklearn.naive_bayes import BernoulliNB, GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.svm import SVC, SVR
from sklearn.utils import get_tags
from sklearn.utils.validation import has_fit_parameter

from tasks.errors import UserError
from tasks.model_input.inputs import Examples, Spec
from tasks.parallel import num_cores
from tasks.params import sklearn as params
from tasks.trainers.sklearn.class_weights import class_weights
from tasks.trainers.sklearn.imported import make_imported
from tasks.trainers.sklearn.matrix import MatrixLayout, check_size, is_sparse, native_fields

_FOR_CLASSES = ("logistic_regression", "naive_bayes")
_FOR_NUMBERS = ("ridge", "elastic_net")
_FORESTS = (RandomForestClassifier, RandomForestRegressor, ExtraTreesClassifier, ExtraTreesRegressor)
_CACHE_MB = 500
"""Of similarities between rows, which a support vector machine computes again when they do not fit."""


def make_estimator(spec: Spec, config: params.SklearnTrain, train: Examples) -> Any:
    """The estimator as configured, not fitted yet. Raises UserError when it is not for the task or the rows."""
    # First, as scikit-learn would say it of the target's values, not of the setting.
    _check_task(spec, config.estimator.kind)
    estimator = _make(spec, config, train)
    if train.weight is not None and not has_fit_parameter(estimator, "sample_weight"):
        raise UserError(
            f"train.estimator: {type(estimator).__name__} cannot weigh rows, and a column has the role weight; give it "
            "another role (id), or take another estimator, such as hist_gradient_boosting"
        )
    return estimator


def _make(spec: Spec, config: params.SklearnTrain, train: Examples) -> Any:
    match config.estimator:
        case params.LogisticRegression() as one:
            weights = class_weights(spec, one.class_weight)
            return LogisticRegression(C=one.C, class_weight=weights, max_iter=one.max_iter, random_state=config.seed)
        case params.Ridge() as one:
            # Without a penalty the equations may have no single answer; lsqr takes the smallest one, without a warning.
            return Ridge(alpha=one.alpha, solver="auto" if one.alpha else "lsqr", random_state=config.seed)
        case params.ElasticNet() as one:
            return ElasticNet(alpha=one.alpha, l1_ratio=one.l1_ratio, max_iter=one.max_iter, random_state=config.seed)
        case params.Svm() as one:
            return _svm(spec, one)
        case params.KNeighbors() as one:
            return _neighbours(spec, one, train)
        case params.RandomForest() as one:
            return _forest(RandomForestClassifier if spec.classes else RandomForestRegressor, spec, one, config.seed)
        case params.ExtraTrees() as one:
            return _forest(ExtraTreesClassifier if spec.classes else ExtraTreesRegressor, spec, one, config.seed)
        case params.HistGradientBoosting() as one:
            return _boosting(spec, one, config.seed)
        case params.NaiveBayes() as one:
            return _naive_bayes(spec, one, train)
        case params.ImportedEstimator() as one:
            return make_imported(one, spec, config.seed)


def make_reading(spec: Spec, estimator: Any, train: Examples) -> MatrixLayout:
    """How the estimator reads these columns. Raises UserError when they would not fit into memory as it needs them."""
    if isinstance(estimator, (HistGradientBoostingClassifier, HistGradientBoostingRegressor)):
        native = estimator.categorical_features is not None
        reading = MatrixLayout(categories="native" if native else "one_hot")
    else:
        # scikit-learn's trees compare in float32 whatever they are given.
        reading = MatrixLayout(dtype="float32" if isinstance(estimator, _FORESTS) else "float64")
    # The estimator's own word for what it takes, which holds for imported ones as well.
    if not get_tags(estimator).input_tags.sparse and is_sparse(spec, train.inputs, reading):
        reading = reading.model_copy(update={"dense": True})
    check_size(spec, train.num_rows, reading, type(estimator).__name__)
    return reading


def _check_task(spec: Spec, kind: str) -> None:
    if not spec.classes and kind in _FOR_CLASSES:
        raise UserError(
            f"train.estimator: {kind} tells classes apart, and the target is a number; use ridge, elastic_net, svm, "
            "k_neighbors, random_forest, extra_trees or hist_gradient_boosting"
        )
    if spec.classes and kind in _FOR_NUMBERS:
        raise UserError(
            f"train.estimator: {kind} predicts a number, and the target has classes; use logistic_regression, svm, "
            "k_neighbors, random_forest, extra_trees, hist_gradient_boosting or naive_bayes"
        )


def _svm(spec: Spec, config: params.Svm) -> SVC | SVR:
    settings = {"kernel": config.kernel, "C": config.C, "gamma": config.gamma, "cache_size": _CACHE_MB}
    weights = class_weights(spec, config.class_weight)
    return SVC(**settings, class_weight=weights) if spec.classes else SVR(**settings, epsilon=config.epsilon)


def _neighbours(spec: Spec, config: params.KNeighbors, train: Examples) -> KNeighborsClassifier | KNeighborsRegressor:
    if config.n_neighbors > train.num_rows:
        raise UserError(
            f"train.estimator: n_neighbors {config.n_neighbors:,} are more than the {train.num_rows:,} training rows; "
            "ask fewer"
        )
    kind = KNeighborsClassifier if spec.classes else KNeighborsRegressor
    # Not by a search tree: it is no faster beyond some ten inputs, and a model file could not hold it (see files.py).
    return kind(config.n_neighbors, weights=config.weights, metric=config.metric, algorithm="brute")


def _forest(kind: type, spec: Spec, config: params.RandomForest | params.ExtraTrees, seed: int) -> Any:
    weights = class_weights(spec, config.class_weight)
    settings = config.model_dump(exclude={"kind", "class_weight"})
    # Each tree draws from a number of its own, so any number of threads makes the same ones.
    settings |= {"random_state": seed, "n_jobs": num_cores()}
    return kind(**settings, class_weight=weights) if spec.classes else kind(**settings)


def _boosting(
    spec: Spec, config: params.HistGradientBoosting, seed: int
) -> HistGradientBoostingClassifier | HistGradientBoostingRegressor:
    weights = class_weights(spec, config.class_weight)
    settings = config.model_dump(exclude={"kind", "class_weight", "patience"})
    # `patience` counts rounds that are no better; with scikit-learn's tolerance the hardly better ones would count.
    settings |= {"early_stopping": config.patience is not None, "random_state": seed, "tol": 0.0}
    if config.patience is not None:
        settings["n_iter_no_change"] = config.patience
    # By position, as a matrix has no names: `read_matrix` puts the categories last.
    native = native_fields(spec, MatrixLayout(categories="native"))
    others = sum(field.num_inputs for field in spec.fields if field not in native)
    settings["categorical_features"] = list(range(others, others + len(native))) or None
    if not spec.classes:
        return HistGradientBoostingRegressor(**settings)
    return HistGradientBoostingClassifier(**settings, class_weight=weights)


def _naive_bayes(spec: Spec, config: params.NaiveBayes, train: Examples) -> GaussianNB | MultinomialNB | BernoulliNB:
    negative = [field.name for field in spec.fields if _has_negative(spec, field.name, train)]
    counts = not negative and all(field.kind in ("sparse", "category_index") for field in spec.fields)
    match config.distribution:
        case "multinomial" if negative:
            raise UserError(
                "train.estimator: naive_bayes with distribution: multinomial takes inputs as counts, and column "
                f"{negative[0]} has negative ones; use distribution: gaussian, or normalize: scale: min_max"
            )
        case "bernoulli":
            return BernoulliNB(alpha=config.smoothing)
        case "gaussian":
            return GaussianNB()
        case "auto" if not counts:
            return GaussianNB()
        case _:
            return MultinomialNB(alpha=config.smoothing)


def _has_negative(spec: Spec, name: str, train: Examples) -> bool:
    field = next(field for field in spec.fields if field.name == name)
    block = train.inputs.blocks[name]
    if field.is_picture:
        # The least and the greatest byte say it for all pictures, without scaling any.
        block = field.scaled(np.array([0, 255], dtype=np.uint8).reshape(-1, 1, 1, 1))
    return bool(block.min() < 0)
