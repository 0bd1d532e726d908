"""Any estimator by its import path: of scikit-learn, or of the list that the user extends."""

from __future__ import annotations

import importlib
import inspect
from types import ModuleType
from typing import Any

import sklearn
from sklearn.base import BaseEstimator, is_classifier, is_regressor

from tasks.errors import UserError, did_you_mean
from tasks.model_input.inputs import Spec
from tasks.params.sklearn import ImportedEstimator
from tasks.trainers.sklearn.class_weights import class_weights
from tasks.trainers.sklearn.files import allowed_class

_PATH = "train.estimator.path"


def make_imported(config: ImportedEstimator, spec: Spec, seed: int) -> Any:
    """The estimator with its settings. `random_state` is the seed where the settings do not give it.

    Raises UserError when there is no such estimator, it is not for the task, or its settings are not its own.
    """
    estimator_class = find_class(config)
    settings = _settings(config, estimator_class, spec)
    # None, scikit-learn's default, draws anew every time: two fits would differ.
    if "random_state" in _parameters(estimator_class) and settings.get("random_state") is None:
        settings["random_state"] = seed
    estimator = estimator_class(**settings)
    _check_task(config.path, estimator, spec)
    return estimator


def find_class(config: ImportedEstimator) -> type[BaseEstimator]:
    """The class itself. Raises UserError when there is none, or it is none of scikit-learn's and not allowed."""
    if config.path in config.allowed:
        estimator_class = allowed_class(config.path)
        if estimator_class is None:
            raise UserError(
                f"{_PATH}: {config.path} is no class derived from sklearn.base.BaseEstimator that can be imported; is "
                "its package installed where modelwright is, and the path that of the class?"
            )
        return estimator_class
    return _of_sklearn(config.path)


def _of_sklearn(path: str) -> type[BaseEstimator]:
    names = path.split(".")
    if names[0] != "sklearn":
        raise UserError(f"{_PATH}: {path} is not of scikit-learn; put it on the list `allowed` if you trust it")
    modules = [name for name in sklearn.__all__ if not name.startswith("_")]
    if names[1] not in modules:
        raise UserError(f"{_PATH}: scikit-learn has no module {names[1]}{did_you_mean(names[1], modules)}")
    module = importlib.import_module(f"sklearn.{names[1]}")
    public = [name for name, value in vars(module).items() if name[0] != "_" and _is_estimator_of(module, value)]
    # sklearn.linear_model._logistic.LogisticRegression is where it happens to lie; the next version may move it.
    if len(names) != 3 or names[2] not in public:
        correction = (
            f"; write sklearn.{names[1]}.{names[-1]}" if names[-1] in public else did_you_mean(names[-1], public)
        )
        raise UserError(f"{_PATH}: {path} is no public estimator of scikit-learn{correction}")
    estimator_class: type[BaseEstimator] = getattr(module, names[2])
    return estimator_class


def _is_estimator_of(module: ModuleType, value: object) -> bool:
    """Modules hold what they import from each other, too; not all of them list what is theirs."""
    is_estimator = isinstance(value, type) and issubclass(value, BaseEstimator) and hasattr(value, "predict")
    return is_estimator and value.__module__.startswith(module.__name__)


def _parameters(estimator_class: type[BaseEstimator]) -> dict[str, inspect.Parameter]:
    return {
        name: parameter
        for name, parameter in inspect.signature(estimator_class).parameters.items()
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    }


def _settings(config: ImportedEstimator, estimator_class: type[BaseEstimator], spec: Spec) -> dict[str, Any]:
    known, settings = _parameters(estimator_class), dict(config.settings)
    # `_parameters` leaves out *args and **kwargs: where there are more, any name may be given.
    takes_any = len(known) < len(inspect.signature(estimator_class).parameters)
    for name in settings:
        if name not in known and not takes_any:
            where = f"train.estimator.settings: {config.path}"
            raise UserError(f"{where} has no parameter {name}{did_you_mean(name, known)}")
    missing = [
        name for name, parameter in known.items() if parameter.default is parameter.empty and name not in settings
    ]
    if missing:
        raise UserError(
            f"train.estimator.settings: {config.path} cannot do without {', '.join(missing)}; add it, or, if it is "
            "an estimator, write a class of your own that makes both, and put that on the list `allowed`"
        )
    # By name, as the target's classes are; the estimator knows them by number.
    if isinstance(settings.get("class_weight"), dict):
        settings["class_weight"] = class_weights(spec, settings["class_weight"], "train.estimator.settings")
    return settings


def _check_task(path: str, estimator: Any, spec: Spec) -> None:
    fits = is_classifier(estimator) if spec.classes else is_regressor(estimator)
    if not fits:
        role, target = ("classifier", "has classes") if spec.classes else ("regressor", "is a number")
        raise UserError(f"{_PATH}: {path} is no {role}, and the target {target}; take one that is")
    missing = [name for name in ("fit", "predict") if not callable(getattr(estimator, name, None))]
    if missing:
        raise UserError(f"{_PATH}: {path} has no method {missing[0]}; take an estimator that fits and predicts")
    if spec.classes and not (hasattr(estimator, "predict_proba") or hasattr(estimator, "decision_function")):
        raise UserError(
            f"{_PATH}: {path} says which class it is, and not how sure that is, which metrics and thresholds need; "
            "take a classifier with predict_proba or decision_function"
        )
