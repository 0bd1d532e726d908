"""Estimators of scikit-learn: what is theirs alone."""

from __future__ import annotations

import io
import warnings
import zipfile
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.errors import UserError
from tasks.inputs import Examples, Field, ModelInput, Spec
from tasks.params import LogisticRegression, Ridge, SklearnTrain
from tasks.trainers.base import Job
from tasks.trainers.sklearn import SklearnTrainer, same_bytes

FIELD = Field(name="x", kind="dense", shape=(2,), labels=("x1", "x2"))
BINARY = Spec(fields=(FIELD,), task="binary", classes=("no", "yes"))
NUMBER = Spec(fields=(FIELD,), task="regression", classes=())


def job(spec: Spec) -> Job:
    values = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    target: Any = (values[:, 0] > 0).astype(np.int64) if spec.classes else values[:, 0]
    examples = Examples(inputs=ModelInput(blocks={"x": values}, num_rows=50), target=target)
    return Job(spec=spec, train=examples, validation=examples)


def config(**estimator: Any) -> SklearnTrain:
    return SklearnTrain.model_validate({"kind": "sklearn", "estimator": estimator})


def test_each_estimator_has_its_task() -> None:
    with pytest.raises(UserError, match="use ridge"):
        SklearnTrainer().fit(job(NUMBER), config(kind="logistic_regression"))
    with pytest.raises(UserError, match="use logistic_regression"):
        SklearnTrainer().fit(job(BINARY), config(kind="ridge"))


def test_settings_reach_the_estimator() -> None:
    fitted = SklearnTrainer().fit(job(BINARY), config(kind="logistic_regression", C=0.5, class_weight="balanced"))
    estimator = fitted.model.estimator
    assert (estimator.C, estimator.class_weight) == (0.5, "balanced")
    assert SklearnTrainer().fit(job(NUMBER), config(kind="ridge", alpha=3)).model.estimator.alpha == 3


def test_says_that_it_did_not_converge_and_warns_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        facts = SklearnTrainer().fit(job(BINARY), config(kind="logistic_regression", max_iter=1)).facts
    assert facts == {"iterations": 1, "converged": False}


def test_columns_that_repeat_each_other_need_no_penalty() -> None:
    twins = job(NUMBER)
    twins.train.inputs.blocks["x"][:, 1] = twins.train.inputs.blocks["x"][:, 0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = SklearnTrainer().fit(twins, config(kind="ridge", alpha=0)).model
    assert np.allclose(model.predict(twins.train.inputs), twins.train.target, atol=1e-3)


def test_skops_bytes_hold_no_dates_and_no_addresses() -> None:
    from sklearn.linear_model import LogisticRegression as Estimator
    from skops import io as skops_io

    examples = job(BINARY).train
    dumps = []
    for _ in range(2):
        estimator = Estimator().fit(examples.inputs.blocks["x"], examples.target)
        dumps.append(skops_io.dumps(estimator))
    assert dumps[0] != dumps[1]
    assert same_bytes(dumps[0]) == same_bytes(dumps[1]) == same_bytes(same_bytes(dumps[0]))
    with zipfile.ZipFile(io.BytesIO(same_bytes(dumps[0]))) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    again = skops_io.loads(same_bytes(dumps[0]))
    assert np.array_equal(again.coef_, estimator.coef_)


def test_loads_only_trusted_types(tmp_path: Path) -> None:
    from sklearn.linear_model import LogisticRegression as Estimator
    from skops import io as skops_io

    from tasks.trainers.base import write_model

    estimator = Estimator()
    estimator.extra_ = Namespace()
    write_model(tmp_path, "sklearn", BINARY, "model.skops", same_bytes(skops_io.dumps(estimator)))
    with pytest.raises(UserError, match="not trusted"):
        SklearnTrainer().load(tmp_path, BINARY)


def test_configs_are_what_params_yaml_says() -> None:
    assert isinstance(config(kind="logistic_regression").estimator, LogisticRegression)
    assert isinstance(config(kind="ridge").estimator, Ridge)
