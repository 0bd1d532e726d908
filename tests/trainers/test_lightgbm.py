"""LightGBM: what is its alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tasks.inputs import Examples, Field, ModelInput, Spec
from tasks.listeners import History
from tasks.params import LightgbmTrain
from tasks.trainers.base import Job
from tasks.trainers.lightgbm import LightgbmTrainer, feature_names

FIELD = Field(name="x", kind="dense", shape=(2,), labels=('x "1"', "größe [µm]"))
SPEC = Spec(fields=(FIELD,), task="binary", classes=("no", "yes"))


def examples(num_rows: int, seed: int) -> Examples:
    random = np.random.default_rng(seed)
    values = random.normal(size=(num_rows, 2)).astype(np.float32)
    target = (values[:, 0] + random.normal(size=num_rows) > 0).astype(np.int64)
    return Examples(inputs=ModelInput(blocks={"x": values}, num_rows=num_rows), target=target)


def job(**changes: Any) -> Job:
    return Job(spec=SPEC, train=examples(300, 0), validation=examples(200, 1), **changes)


def test_stops_early_and_keeps_the_best_trees() -> None:
    history = History()
    config = LightgbmTrain(kind="lightgbm", learning_rate=0.3, patience=5)
    fitted = LightgbmTrainer().fit(job(listeners=[history]), config)
    losses = [row["validation_loss"] for row in history.rows]
    best = int(np.argmin(losses)) + 1
    assert fitted.facts == {"trees": best + 5, "best_tree": best}
    assert len(history.rows) == best + 5 < 500
    assert fitted.model.booster.num_trees() == best


def test_the_model_names_its_inputs() -> None:
    config = LightgbmTrain(kind="lightgbm", num_iterations=2)
    booster = LightgbmTrainer().fit(job(), config).model.booster
    assert booster.feature_name() == ["x_1", "größe_µm"]


def test_feature_names_are_what_lightgbm_takes_and_unique() -> None:
    names = feature_names(["a b", "a:b", "a_b", "", "[]", 'x,"y"', "a_b_2"])
    assert len(set(names)) == len(names)
    assert not any(set(name) & set(' ",:[]{}') for name in names)


def test_says_nothing_on_the_console(capfd: pytest.CaptureFixture[str]) -> None:
    constant = job()
    constant.train.inputs.blocks["x"][:, 1] = 1
    LightgbmTrainer().fit(constant, LightgbmTrain(kind="lightgbm", num_iterations=3, min_data_in_leaf=200))
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_the_file_does_not_tell_the_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    config = LightgbmTrain(kind="lightgbm", num_iterations=5)
    monkeypatch.setattr("tasks.trainers.lightgbm._WORTH_SHARING", 0)
    texts = set()
    for cores in (1, 2, 3):
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        texts.add(LightgbmTrainer().fit(job(), config).model.text)
    assert len(texts) == 1
