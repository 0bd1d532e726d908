from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from tasks.errors import UserError
from tasks.model_input.inputs import Examples, Field, ModelInput, Spec
from tasks.params.train import SklearnTrain
from tasks.splitting.folds import FOLD, of_made_rows
from tasks.tables import storage
from tasks.trainers.base import Fitted, Job
from tasks.trainers.listener import Listener
from tasks.trainers.sklearn import SklearnTrainer
from tasks.training.cross_validation import chosen, cross_validate, fold_jobs, in_words, read_folds, summary

SPEC = Spec(
    fields=(
        Field(name="x", kind="dense", shape=(2,)),
        Field(name="words", kind="sparse", shape=(5,)),
        Field(name="scan", kind="image", shape=(1, 2, 2), factor=(1 / 255,), offset=(0.0,)),
    ),
    task="binary",
    classes=("no", "yes"),
)
LOGISTIC = SklearnTrain.model_validate({"kind": "sklearn", "estimator": {"kind": "logistic_regression"}})


def examples(num_rows: int, seed: int = 0) -> Examples:
    """The first number of x is the row's own; the second says the class, nearly."""
    dice = np.random.default_rng(seed)
    target = dice.integers(0, 2, num_rows)
    x = np.column_stack([np.arange(num_rows), target + dice.normal(0, 0.4, num_rows)]).astype(np.float32)
    words = csr_matrix(dice.integers(0, 2, (num_rows, 5)).astype(np.float32))
    scan = dice.integers(0, 255, (num_rows, 1, 2, 2)).astype(np.uint8)
    return Examples(inputs=ModelInput(blocks={"x": x, "words": words, "scan": scan}, num_rows=num_rows), target=target)


def job(num_rows: int = 60, listeners: tuple[Listener, ...] = ()) -> Job:
    return Job(spec=SPEC, train=examples(num_rows), validation=examples(20, seed=1), listeners=listeners)


def ids(part: Examples) -> list[int]:
    return [int(number) for number in part.inputs.blocks["x"][:, 0]]


def folds_of(num_rows: int, num_folds: int) -> NDArray[np.int8]:
    return (np.arange(num_rows) * 7 % num_folds).astype(np.int8)


class Shouting:
    def started(self, epochs: int) -> None:
        raise AssertionError

    epoch_ended = ended = started


def test_each_row_is_judged_on_once_and_by_a_model_that_has_not_seen_it() -> None:
    folds = folds_of(60, 4)
    found = list(fold_jobs(job(listeners=(Shouting(),)), folds))  # type: ignore[arg-type]
    assert len(found) == 4
    for number, of_fold in enumerate(found):
        assert ids(of_fold.validation) == np.flatnonzero(folds == number).tolist()
        assert ids(of_fold.train) == np.flatnonzero(folds != number).tolist()
        assert of_fold.listeners == ()
        assert of_fold.spec is SPEC


def test_all_blocks_are_of_the_same_rows() -> None:
    whole = examples(30)
    mask = np.arange(30) % 3 == 1
    part = chosen(whole, mask)
    assert part.inputs.num_rows == len(part.target) == 10
    assert (part.target == whole.target[mask]).all()
    assert (part.inputs.blocks["words"].toarray() == whole.inputs.blocks["words"].toarray()[mask]).all()
    assert (part.inputs.blocks["scan"] == whole.inputs.blocks["scan"][mask]).all()


def test_made_rows_are_learnt_from_with_their_fold_and_never_judged_on() -> None:
    own = folds_of(20, 4)
    folds = np.concatenate([own, of_made_rows(own), np.full(5, np.iinfo(np.int8).min, dtype=np.int8)])
    assert of_made_rows(of_made_rows(own)).tolist() == of_made_rows(own).tolist()
    for number, of_fold in enumerate(fold_jobs(job(45), folds)):
        assert ids(of_fold.validation) == np.flatnonzero(own == number).tolist()
        assert ids(of_fold.train) == np.flatnonzero(np.concatenate([own, own]) != number).tolist()


def test_the_scores_of_a_tiny_training() -> None:
    def fit(of_fold: Job) -> Fitted:
        return SklearnTrainer().fit(of_fold, LOGISTIC)

    found = cross_validate(job(), folds_of(60, 3), fit)
    assert found["num_folds"] == 3
    assert set(found) == {"num_folds", "accuracy", "log_loss"}
    assert 0.6 < found["accuracy"]["mean"] <= 1
    assert found == cross_validate(job(), folds_of(60, 3), fit)
    by_hand = [
        np.mean(fit(one).model.predict(one.validation.inputs).argmax(axis=1) == one.validation.target)
        for one in fold_jobs(job(), folds_of(60, 3))
    ]
    assert found["accuracy"]["folds"] == [round(float(value), 6) for value in by_hand]


def test_a_fold_that_cannot_be_learnt_without_is_named() -> None:
    whole = job(20)
    only_there = (whole.train.target == 1).astype(np.int8)
    with pytest.raises(UserError, match="cross validation without fold 0: train: all training rows are of class 'yes'"):
        cross_validate(whole, only_there, lambda one: SklearnTrainer().fit(one, LOGISTIC))


def test_mean_and_std_of_a_sample() -> None:
    found = summary([{"rmse": 1.0, "mse": 1.0}, {"rmse": 2.0, "mse": 4.0}, {"rmse": 6.0, "mse": 36.0}])
    assert found["rmse"] == {"mean": 3.0, "std": round(7**0.5, 6), "folds": [1.0, 2.0, 6.0]}
    assert found["num_folds"] == 3


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        ({"accuracy": (0.97, 0.01), "log_loss": (0.1, 0.2)}, "5 folds: accuracy 0.9700 ± 0.0100"),
        ({"mse": (2835.0, 9.0), "rmse": (53.24567, 2.1111)}, "5 folds: RMSE 53.25 ± 2.1"),
    ],
)
def test_in_words(metrics: dict[str, tuple[float, float]], said: str) -> None:
    content: dict[str, Any] = {name: {"mean": mean, "std": off} for name, (mean, off) in metrics.items()}
    assert in_words({"num_folds": 5, **content}) == said


def test_folds_are_read_from_the_table_where_split_made_them(tmp_path: Path) -> None:
    rows = pl.DataFrame({"x": [1.0, 2.0, 3.0], "label": [0, 1, 0]})
    folds = pl.Series(FOLD, [1, None, -2], dtype=pl.Int8)
    storage.write_parts(tmp_path / "none", [rows])
    storage.write_parts(tmp_path / "folds", [rows.with_columns(folds), rows.with_columns(folds)])
    storage.write_parts(tmp_path / "feature", [rows.with_columns(pl.lit(0.5).alias(FOLD))])
    assert read_folds(tmp_path / "none", SPEC, "label") is None
    found = read_folds(tmp_path / "folds", SPEC, "label")
    assert found is not None
    assert found.tolist() == [1, -128, -2] * 2
    named_so = Spec(fields=(Field(name=FOLD, kind="dense", shape=(1,)),), task="binary", classes=("no", "yes"))
    assert read_folds(tmp_path / "feature", named_so, "label") is None
