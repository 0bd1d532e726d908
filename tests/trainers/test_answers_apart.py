"""A model that says so has the same answers for a row, to the last bit, whatever rows it is asked with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tasks import trainers
from tasks.model_input.inputs import Spec
from tasks.params.lightgbm import LightgbmTrain
from tasks.trainers.base import Job
from tasks.trainers.introspection import answers_apart
from tests.trainers.estimators import BINARY, FIELD, NUMBER, config, examples, job

THREE = Spec(fields=(FIELD,), task="multiclass", classes=("a", "b", "c"))
TREES: list[Any] = [
    LightgbmTrain(kind="lightgbm", num_iterations=20, min_data_in_leaf=5),
    config("random_forest", n_estimators=15),
    config("extra_trees", n_estimators=15),
    config("hist_gradient_boosting", max_iter=20),
]


@pytest.mark.parametrize("spec", [BINARY, NUMBER, THREE], ids=["binary", "regression", "multiclass"])
@pytest.mark.parametrize("train", TREES, ids=lambda one: getattr(getattr(one, "estimator", one), "kind", ""))
def test_trees_answer_each_row_as_if_it_were_alone(train: Any, spec: Spec) -> None:
    model = trainers.fit(_job(spec), train).model
    assert answers_apart(model)
    rows = examples(spec, 131, seed=7).inputs
    whole = model.predict(rows)
    for size in (1, 2, 7, 64):
        places = np.split(np.arange(rows.num_rows), range(size, rows.num_rows, size))
        apart = np.concatenate([model.predict(rows.take(place)) for place in places])
        assert whole.tobytes() == apart.tobytes(), f"{size} rows at a time"


def _job(spec: Spec) -> Job:
    made = job(spec, 200, 0.5)
    if spec is not THREE:
        return made
    parts = [
        replace(part, target=np.digitize(part.inputs.blocks["x"][:, 0], [-0.5, 0.5]))
        for part in (made.train, made.validation)
    ]
    return replace(made, train=parts[0], validation=parts[1])


@pytest.mark.parametrize("kind", ["logistic_regression", "k_neighbors", "svm"])
def test_a_product_of_matrices_is_not_said_to(kind: str) -> None:
    assert not answers_apart(trainers.fit(job(BINARY), config(kind)).model)
