from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.errors import UserError
from tasks.params.split import HashSplit
from tasks.splitting.hashed import quotas
from tests.small_tables import cut, described
from tests.splitting.rows import DATASET, assigned, many, rows_of

ROWS = many(300)
SIDES = assigned(HashSplit(), [ROWS])


def test_growing_shares_only_add_rows() -> None:
    small, large = (assigned(HashSplit(test=share), [ROWS]) for share in (0.1, 0.3))
    assert {name for name, side in small.items() if side == "test"} < {
        name for name, side in large.items() if side == "test"
    }


def test_new_rows_move_no_old_one() -> None:
    assert assigned(HashSplit(), [many(500)]).items() >= SIDES.items()


def test_another_seed_is_another_split() -> None:
    assert assigned(HashSplit(seed=1), [ROWS]) != SIDES
    assert assigned(HashSplit(seed=1, test=30), [ROWS]) != assigned(HashSplit(test=30), [ROWS])


def test_no_other_column_moves_a_row() -> None:
    others = ROWS.with_columns(part=pl.lit("test")).select(reversed(ROWS.columns))
    assert assigned(HashSplit(), [others]) == SIDES


@pytest.mark.parametrize(("validation", "test"), [(0.15, 0.15), (0.05, 0.4)])
@pytest.mark.parametrize("seed", range(3))
def test_every_class_is_cut_in_the_same_shares(validation: float, test: float, seed: int) -> None:
    rows = many(6000, rare=10)
    sides = assigned(HashSplit(validation=validation, test=test, seed=seed), [rows])
    parts = rows.with_columns(side=pl.col("id").replace_strict(sides))
    for _, of_class in parts.group_by("label"):
        for side, share in (("validation", validation), ("test", test)):
            num = of_class.height
            # Five standard deviations of a binomial: once in a million.
            assert abs(of_class.filter(side=side).height - num * share) < 5 * (num * share * (1 - share)) ** 0.5


def test_counts_are_cut_from_each_class_by_its_share() -> None:
    rows = many(1000, rare=10)
    sides = assigned(HashSplit(validation=100, test=200), cut(rows, [333]))
    parts = rows.with_columns(side=pl.col("id").replace_strict(sides)).group_by("label", "side").len()
    assert {(label, side): num for label, side, num in parts.iter_rows()} == {
        ("no", "train"): 630,
        ("no", "validation"): 90,
        ("no", "test"): 180,
        ("yes", "train"): 70,
        ("yes", "validation"): 10,
        ("yes", "test"): 20,
    }


def test_a_regression_has_no_classes_to_take_from() -> None:
    kinds = {"id": ("category", "id"), "who": ("category", "feature"), "x": ("number", "target")}
    dataset = described(kinds, task="regression")  # type: ignore[arg-type]
    parts = list(assigned(HashSplit(validation=10, test=0.1), [ROWS], dataset).values())
    assert (parts.count("validation"), parts.count("test")) == (10, 30)


def test_identical_rows_move_a_count_rather_than_part() -> None:
    rows = rows_of([(number // 10, "a", 0, "no") for number in range(100)])
    found = list(assigned(HashSplit(validation=16, test=14, key=("x",)), [rows]).values())
    assert (found.count("test"), found.count("validation")) == (10, 20)


def test_counts_that_leave_nothing_to_train_on_are_refused() -> None:
    with pytest.raises(UserError, match="validation 200 and test 100 leave none of 300 rows to train on; make them"):
        assigned(HashSplit(validation=200, test=100), [ROWS], DATASET)


@settings(derandomize=True, max_examples=50, deadline=None)
@given(counts=st.lists(st.integers(1, 10_000), min_size=1, max_size=8), share=st.floats(0, 1))
def test_quotas_add_up_and_are_off_by_less_than_a_row(counts: list[int], share: float) -> None:
    total = int(share * sum(counts))
    shares = quotas(np.array(counts), total)
    assert shares.sum() == total
    assert (shares <= counts).all()
    assert (np.abs(shares - total * np.array(counts) / sum(counts)) < 1).all()
