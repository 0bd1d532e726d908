"""Rows that a version has learnt from are known again, whatever has become of the split and of other columns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from tasks import files
from tasks.evaluation.judged_rows import JudgedRows
from tasks.evaluation.learnt_rows import are_learnt, learnt_rows, row_key
from tasks.evaluation.predictions import Predictions
from tasks.params.split import HashSplit
from tasks.paths import Paths
from tasks.tables import storage
from tests.small_tables import described, pipeline_in

COLUMNS = {"customer": ("category", "id"), "x": ("number", "feature"), "label": ("category", "target")}


def table(customers: range) -> pl.DataFrame:
    """Rows whose x is that of the customer, and may be another customer's, too."""
    columns = {"customer": [f"c{one}" for one in customers], "x": [float(one % 7) for one in customers]}
    return pl.DataFrame({**columns, "label": ["no", "yes"] * (len(customers) // 2)})


def split_in(root: Path, key: list[str]) -> Paths:
    paths = pipeline_in(root)
    storage.write_parts(paths.split("train"), [table(range(40)), table(range(40, 60))])
    storage.write_parts(paths.split("validation"), [table(range(60, 80))])
    storage.write_parts(paths.split("test"), [table(range(80, 100))])
    files.write_json(paths.split_report, {"key": key})
    return paths


def test_training_and_validation_rows_are_learnt_and_test_rows_are_not(tmp_path: Path) -> None:
    paths, dataset = split_in(tmp_path, ["customer"]), described(COLUMNS)
    known_by = row_key(HashSplit(), paths, dataset)
    learnt = learnt_rows(known_by, paths, dataset)
    assert learnt.height == 80
    later = [table(range(50, 90)), table(range(200, 204))]
    assert are_learnt(later, learnt, known_by, dataset).tolist() == [True] * 30 + [False] * 14


def test_a_new_column_or_another_type_makes_no_other_row(tmp_path: Path) -> None:
    paths, dataset = split_in(tmp_path, ["customer"]), described(COLUMNS)
    known_by = row_key(HashSplit(), paths, dataset)
    learnt = learnt_rows(known_by, paths, dataset)
    later = described({**COLUMNS, "new": ("number", "feature")})
    rows = table(range(50, 90)).with_columns(x=pl.col("x").cast(pl.String), new=pl.lit(1.0))
    assert are_learnt([rows], learnt, known_by, later).tolist() == [True] * 30 + [False] * 10


def test_without_the_columns_that_it_is_known_by_nobody_knows(tmp_path: Path) -> None:
    paths, dataset = split_in(tmp_path, ["customer"]), described(COLUMNS)
    known_by = row_key(HashSplit(), paths, dataset)
    learnt = learnt_rows(known_by, paths, dataset)
    fewer = described({name: kind for name, kind in COLUMNS.items() if name != "customer"})
    assert are_learnt([table(range(4)).drop("customer")], learnt, known_by, fewer) is None


def test_where_equal_rows_are_other_rows_nobody_knows(tmp_path: Path) -> None:
    paths, dataset = split_in(tmp_path, ["customer"]), described(COLUMNS)
    assert row_key(HashSplit(repeats="apart"), paths, dataset) is None


def test_a_column_that_is_gone_matters_only_where_rows_are_known_by_it(tmp_path: Path) -> None:
    paths, dataset = split_in(tmp_path, ["customer"]), described(COLUMNS)
    known_by = row_key(HashSplit(), paths, dataset)
    learnt = learnt_rows(known_by, paths, dataset)
    fewer = described({name: kind for name, kind in COLUMNS.items() if name != "x"})
    rows = table(range(50, 90)).drop("x")
    assert are_learnt([rows], learnt, known_by, fewer).tolist() == [True] * 30 + [False] * 10


def test_rows_that_are_left_out_leave_groups_and_answers_together() -> None:
    random = np.random.default_rng(0)
    predictions = Predictions(
        y_true=np.arange(6) % 2, y_score=random.random((6, 2)), weight=np.arange(6.0), answered=np.arange(6) % 2
    )
    rows = JudgedRows(classes=("a", "b"), predictions=predictions, groups=np.array([0, 0, 1, 1, 2, 2]))
    kept = rows.where(np.array([True, False, False, False, True, True]))
    assert kept.groups.tolist() == [0, 1, 1]
    assert kept.weights.tolist() == [0.0, 4.0, 5.0]
    np.testing.assert_array_equal(kept.predictions.y_score, predictions.y_score[[0, 4, 5]])
    assert kept.predictions.answered.tolist() == [0, 0, 1]
