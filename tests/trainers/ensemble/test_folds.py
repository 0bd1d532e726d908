"""Which fold a row is held out with: what belongs together stays together, and each fold looks like the whole."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from tasks.errors import UserError
from tasks.model_input.inputs import Examples, Field, ModelInput, Spec
from tasks.trainers.ensemble.folds import NEVER, fold_numbers

NUMBER = Field(name="x", kind="dense", shape=(2,))
CLASSES = Spec(fields=(NUMBER,), task="multiclass", classes=("a", "b", "c"))
VALUES = Spec(fields=(NUMBER,), task="regression", classes=())


def rows_of(target: Any, **more: Any) -> Examples:
    values = np.zeros((len(target), 2))
    return Examples(inputs=ModelInput(blocks={"x": values}, num_rows=len(target)), target=np.asarray(target), **more)


def test_each_fold_has_its_share_of_each_class_to_the_row() -> None:
    target = np.random.default_rng(1).permutation(np.repeat([0, 1, 2], [500, 95, 15]))
    folds = fold_numbers(CLASSES, rows_of(target), 5, seed=0)
    counts = np.array([[np.sum((folds == fold) & (target == one)) for one in range(3)] for fold in range(5)])
    assert counts.sum() == 610
    assert (np.abs(counts - [100, 19, 3]) <= 1).all()


def test_each_fold_has_large_numbers_and_small_ones() -> None:
    target = np.random.default_rng(1).exponential(size=1000)
    folds = fold_numbers(VALUES, rows_of(target), 10, seed=0)
    means = [target[folds == fold].mean() for fold in range(10)]
    # Of folds drawn without a look at the target, means would have a standard deviation of 0.1.
    assert np.std(means) < 0.02
    assert np.bincount(folds).tolist() == [100] * 10


def test_another_seed_deals_otherwise_and_the_same_one_alike() -> None:
    rows = rows_of(np.arange(100) % 3)
    first, again, other = (fold_numbers(CLASSES, rows, 5, seed) for seed in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()


def test_rows_of_a_group_are_in_one_fold_and_those_of_no_group_stand_alone() -> None:
    groups = np.array([f"patient {number % 40}" for number in range(400)] + [None] * 100, dtype=object)
    folds = fold_numbers(CLASSES, rows_of(np.arange(500) % 3, group=groups), 5, seed=0)
    assert all(len(set(folds[groups == name].tolist())) == 1 for name in set(groups[:400].tolist()))
    assert len(set(folds[400:].tolist())) == 5
    numbers = np.where(np.arange(500) < 400, np.arange(500) % 40, np.nan)
    assert len(set(fold_numbers(CLASSES, rows_of(np.arange(500) % 3, group=numbers), 5, 0)[400:].tolist())) == 5


def test_of_rows_with_a_time_the_folds_are_stretches_of_it() -> None:
    days = np.random.default_rng(4).integers(0, 90, 1000)
    time = np.datetime64("2026-01-01", "us") + days * np.timedelta64(1, "D")
    folds = fold_numbers(VALUES, rows_of(days.astype(float), time=time), 4, seed=0)
    ends = [(days[folds == fold].min(), days[folds == fold].max()) for fold in range(4)]
    assert all(earlier[1] < later[0] for earlier, later in pairwise(ends))
    assert all(abs(count - 250) < 30 for count in np.bincount(folds))
    # Tomorrow's rows are of groups that were there yesterday: a split by time cuts them, and so do the folds.
    groups = np.array([f"patient {number % 40}" for number in range(1000)], dtype=object)
    assert (fold_numbers(VALUES, rows_of(days.astype(float), time=time, group=groups), 4, seed=0) == folds).all()


def test_a_class_that_one_fold_alone_has_is_learnt_by_all() -> None:
    target = np.array([0, 1] * 50 + [2])
    folds = fold_numbers(CLASSES, rows_of(target), 5, seed=0)
    assert folds[-1] == NEVER
    assert (folds[:-1] != NEVER).all()
    # Of two rows in two folds, each is learnt from where the other is held out; unless it weighs nothing.
    two = np.append(target, 2)
    assert (fold_numbers(CLASSES, rows_of(two), 5, seed=0) != NEVER).all()
    weight = np.append(np.ones(101), 0.0)
    assert (fold_numbers(CLASSES, rows_of(two, weight=weight), 5, seed=0)[-2:] == NEVER).all()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"group": np.array(["a", "b"] * 50, dtype=object)}, "2 groups"),
        ({"time": np.repeat([1.0, 2.0, 3.0], [30, 30, 40])}, "3 times"),
    ],
)
def test_fewer_of_them_than_folds_are_refused(more: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=f"train.folds: {said} cannot be divided into 5 folds; .*smaller"):
        fold_numbers(VALUES, rows_of(np.arange(100.0), **more), 5, seed=0)
    with pytest.raises(UserError, match=r"train\.folds: 4 rows"):
        fold_numbers(VALUES, rows_of(np.arange(4.0)), 5, seed=0)
