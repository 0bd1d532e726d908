"""The search space that each trainer has of its own, for pipelines that say nothing under `tune:`.

Ranges are those that published comparisons search, wide enough for the best of most tables to lie inside (Bischl et
al., Hyperparameter optimization, 2023, doi:10.1002/widm.1484; Gorishniy et al., Revisiting deep learning models for
tabular data, 2021, arXiv:2106.11959). How long a training goes on is not searched: the validation rows say that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasks.errors import UserError
from tasks.params.pipeline import Pipeline
from tasks.params.search_space import Space, search_space, value_of_setting
from tasks.params.sklearn import SklearnTrain
from tasks.params.train import EnsembleTrain, SingleTrain

Ranges = Mapping[str, Any]

_MEMBERS = "train.members"

_OF_FORESTS: Ranges = {"min_samples_leaf": [1, 50, "log"], "max_features": [0.1, 1.0]}

_OF_TRAINERS: Mapping[str, Ranges] = {
    "lightgbm": {
        "learning_rate": [0.01, 0.3, "log"],
        "num_leaves": [4, 255, "log"],
        "min_data_in_leaf": [5, 200, "log"],
        "feature_fraction": [0.4, 1.0],
        "bagging_fraction": [0.5, 1.0],
        "lambda_l1": [1e-6, 10.0, "log"],
        "lambda_l2": [1e-6, 10.0, "log"],
    },
    "torch": {
        "learning_rate": [0.0001, 0.03, "log"],
        "weight_decay": [1e-6, 0.1, "log"],
        "batch_size": [32, 64, 128, 256],
        "network.dropout": [0.0, 0.5],
    },
    "logistic_regression": {"C": [0.001, 1000.0, "log"]},
    "ridge": {"alpha": [0.001, 1000.0, "log"]},
    "elastic_net": {"alpha": [0.0001, 10.0, "log"], "l1_ratio": [0.0, 1.0]},
    "svm": {"C": [0.01, 1000.0, "log"], "gamma": [0.0001, 10.0, "log"]},
    "k_neighbors": {
        "n_neighbors": [1, 100, "log"],
        "weights": ["uniform", "distance"],
        "metric": ["euclidean", "manhattan", "cosine"],
    },
    "random_forest": _OF_FORESTS,
    "extra_trees": _OF_FORESTS,
    "hist_gradient_boosting": {
        "learning_rate": [0.01, 0.3, "log"],
        "max_leaf_nodes": [4, 255, "log"],
        "min_samples_leaf": [5, 200, "log"],
        "l2_regularization": [1e-6, 10.0, "log"],
    },
    "naive_bayes": {"smoothing": [0.001, 10.0, "log"]},
}
"""By the kind of a trainer or an estimator; nothing for a kind that is not here."""


def ranges_of(pipeline: Pipeline) -> Ranges:
    """What is tried: the pipeline's own ranges, or else its trainer's."""
    return pipeline.tune.ranges or default_ranges(pipeline)


def space_of(pipeline: Pipeline, name: str) -> Space:
    """The search space. Raises UserError where a trainer has none of its own and params.yaml gives none."""
    ranges = ranges_of(pipeline)
    if not ranges:
        raise UserError(
            f"params.yaml: pipelines.{name}: {_kind(pipeline.train)} has no search space of its own; say what to "
            "try, such as `tune: {train.seed: [0, 9]}`"
        )
    return search_space(pipeline, ranges)


def default_ranges(pipeline: Pipeline) -> Ranges:
    """The trainer's own, or its members', without what these settings have no use for."""
    train = pipeline.train
    if isinstance(train, EnsembleTrain):
        # What all of them share, such as how rows are encoded, is the pipeline's: here are their own settings alone.
        sections = [(f"{_MEMBERS}.{name}", member) for name, member in zip(train.names, train.members, strict=True)]
    else:
        sections = [("train", train)]
    return {
        f"{place}.{name}": written
        for place, section in sections
        for name, written in _ranges_of_section(section).items()
        if _is_of_use(pipeline, f"{place}.{name}")
    }


def _ranges_of_section(section: SingleTrain) -> Ranges:
    prefix = "estimator." if isinstance(section, SklearnTrain) else ""
    return {f"{prefix}{name}": written for name, written in _OF_TRAINERS.get(_kind(section), {}).items()}


def _kind(section: SingleTrain | EnsembleTrain) -> str:
    return section.estimator.kind if isinstance(section, SklearnTrain) else section.kind


def _is_of_use(pipeline: Pipeline, name: str) -> bool:
    section, _, setting = name.rpartition(".")
    match setting:
        case "dropout":
            return value_of_setting(pipeline, name) is not None
        case "gamma":
            return bool(value_of_setting(pipeline, f"{section}.kernel") != "linear")
        case "smoothing":
            return bool(value_of_setting(pipeline, f"{section}.distribution") != "gaussian")
        case _:
            return True
