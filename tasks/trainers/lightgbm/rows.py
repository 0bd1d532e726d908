"""The rows as LightGBM holds them, and how much a row of each class counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

from tasks.errors import UserError
from tasks.model_input.inputs import Examples, Spec
from tasks.params.lightgbm import LightgbmTrain
from tasks.trainers.base import Job
from tasks.trainers.lightgbm.matrix import Layout
from tasks.trainers.lightgbm.model import LabelScale
from tasks.wording import quoted


def read_rows(
    job: Job, config: LightgbmTrain, layout: Layout, scale: LabelScale, parameters: dict[str, Any]
) -> tuple[lightgbm.Dataset, lightgbm.Dataset]:
    """The training rows and the validation rows, which LightGBM cuts into the same bins.

    Weights hold for both: the loss that stops the training must be the loss that is learnt, or it would stop at
    the tree that is best for the frequent classes.
    """
    train_examples, validation_examples = job.train.loaded(), job.validation.loaded()
    weights = class_weights(job.spec, config, train_examples.target, train_examples.weight)
    train = lightgbm.Dataset(
        layout.matrix(train_examples.inputs),
        label=scale.labels(train_examples.target),
        weight=_row_weights(weights, train_examples),
        feature_name=layout.names,
        categorical_feature=layout.native,
        params=parameters,
        # The matrix is binned once; kept as well, it would be in memory twice.
        free_raw_data=True,
    )
    validation = train.create_valid(
        layout.matrix(validation_examples.inputs),
        label=scale.labels(validation_examples.target),
        weight=_row_weights(weights, validation_examples),
        params=parameters,  # without them LightGBM would set the number of threads of the whole process anew
    )
    return train, validation


def class_weights(
    spec: Spec, config: LightgbmTrain, target: NDArray[Any], weight: NDArray[np.float64] | None = None
) -> NDArray[np.float64] | None:
    """The weight of a row of each class, [K], or None when all count the same; `target` and `weight` are those of the
    training rows.

    Raises UserError for a target without classes, and for a class that it does not have.
    """
    if config.class_weight is None:
        return None
    if not spec.classes:
        raise UserError("train.class_weight: the target is a number and has no classes; leave it out")
    if config.class_weight == "balanced":
        return _balanced(np.bincount(target, weight, minlength=len(spec.classes)))
    _check_named(spec, config.class_weight)
    return np.array([config.class_weight.get(name, 1.0) for name in spec.classes])


def _balanced(counts: NDArray[Any]) -> NDArray[np.float64]:
    """Rows / (classes * rows of the class): each class as much as any other, and a row one on average.

    G. King, L. Zeng: Logistic Regression in Rare Events Data, 2001; scikit-learn's "balanced" is the same.
    """
    assert counts.all(), "`check_job` refuses a class without rows"
    return np.asarray(counts.sum() / (len(counts) * counts))


def _check_named(spec: Spec, weights: Mapping[str, float]) -> None:
    for name in weights:
        if name not in spec.classes:
            raise UserError(
                f"train.class_weight: the target has no class {name!r}; its classes are {quoted(spec.classes)}"
            )


def _row_weights(weights: NDArray[np.float64] | None, examples: Examples) -> NDArray[np.float64] | None:
    """How much each row counts: by its class, by itself, or by both."""
    if weights is None:
        return examples.weight
    of_class: NDArray[np.float64] = weights[examples.target]
    return of_class if examples.weight is None else of_class * examples.weight
