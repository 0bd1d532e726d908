from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tasks.params.file import load_params
from tasks.params.split import HashSplit
from tests.drafting.small_tables import NUM_ROWS, init, noise, of_kind

NUMBERS = range(NUM_ROWS)
SECONDS = pl.Series("timestamp", [1_500_000_000 + number * 7_919 % 100_003 for number in NUMBERS])


def people(num_groups: int) -> pl.Series:
    return pl.Series("patient_id", [f"P{number % num_groups}" for number in NUMBERS])


def test_rows_of_one_group_stay_together(tmp_path: Path) -> None:
    draft = init(tmp_path, noise().insert_column(0, people(100)))
    assert "split: {kind: group, validation: 0.15, test: 0.15, seed: 0} # rows of one patient_id stay" in draft.block
    assert "Rows of one entity stay together in the split" in of_kind(draft, "group")[0].message


def test_few_groups_are_cut_by_counts_so_that_no_part_is_empty(tmp_path: Path) -> None:
    draft = init(tmp_path, noise().insert_column(0, people(6)))
    assert "split: {kind: group, validation: 90, test: 90, seed: 0}" in draft.block


def test_the_latest_rows_are_the_test(tmp_path: Path) -> None:
    draft = init(tmp_path, noise().insert_column(0, SECONDS))
    assert (
        "split: {kind: time, validation: 0.15, test: 0.15} # the latest rows by timestamp are the test" in draft.block
    )
    assert of_kind(draft, "time")[0].message.endswith("so the scores are those for what comes next.")


def test_a_group_goes_before_time_and_that_is_said(tmp_path: Path) -> None:
    draft = init(tmp_path, noise().with_columns(SECONDS, people(100)))
    assert "split: {kind: group, " in draft.block
    assert "Rows of one patient_id stay together, which goes before time" in of_kind(draft, "time")[0].message


def test_time_with_gaps_says_nothing_of_some_rows(tmp_path: Path) -> None:
    gaps = pl.Series("timestamp", [None if number % 50 == 0 else SECONDS[number] for number in NUMBERS])
    draft = init(tmp_path, noise().insert_column(0, gaps))
    assert "split: {validation: 0.15, test: 0.15, seed: 0, key: [" in draft.block
    assert "It is missing in 12 rows, so that the split goes by a hash" in of_kind(draft, "time")[0].message


@pytest.mark.parametrize("other", [SECONDS, people(100)], ids=["time", "group"])
def test_what_the_data_say_goes_before_all(tmp_path: Path, other: pl.Series) -> None:
    fold = pl.Series("fold", ["train", "train", "test"] * 200)
    draft = init(tmp_path, noise().with_columns(other, fold))
    assert "split: {kind: given, column: fold, validation: 0.15, seed: 0, key: [" in draft.block
    finding = (of_kind(draft, "time") + of_kind(draft, "group"))[0]
    assert "The data say which rows are for the test" in finding.message


def test_a_group_that_is_kept_as_the_only_feature_splits_nothing(tmp_path: Path) -> None:
    rows = pl.DataFrame({"patient_id": people(100), "outcome": ["a", "b", "a"] * 200})
    draft = init(tmp_path, rows)
    assert draft.decisions.features == ("patient_id",)
    assert "split: {validation: 0.15, test: 0.15, seed: 0, key: [patient_id]}" in draft.block
    assert "stay together" not in of_kind(draft, "group")[0].message


def test_the_key_is_the_id_or_the_columns_there_are(tmp_path: Path) -> None:
    rows = noise()
    draft = init(tmp_path, rows)
    # Rows of the same features may have different answers, and must not be parted by them.
    assert draft.decisions.split.settings["key"] == tuple(name for name in rows.columns if name != "outcome")
    draft = init(tmp_path, rows.with_columns(order_id=pl.Series([f"A{number:05}" for number in NUMBERS])))
    assert draft.decisions.split.settings["key"] == ("order_id",)


def test_a_key_of_many_columns_is_read_as_it_is_written(tmp_path: Path) -> None:
    drawn = np.random.default_rng(3)
    names = [f"a  name of (some) length, {number}" for number in range(12)]
    rows = pl.DataFrame({name: drawn.normal(size=300) for name in names}).with_columns(kind=pl.Series(["a", "b"] * 150))
    init(tmp_path, rows, dry_run=False)
    assert all(len(line) <= 120 for line in (tmp_path / "params.yaml").read_text().splitlines() if "name of" in line)
    pipeline = load_params(tmp_path / "params.yaml").pipelines["mine"]
    assert isinstance(pipeline.split, HashSplit)
    assert pipeline.split.key == tuple(names)


def test_a_class_of_few_rows_is_cut_by_counts(tmp_path: Path) -> None:
    rows = noise().with_columns(outcome=pl.Series(["rare" if number % 50 == 0 else "common" for number in NUMBERS]))
    draft = init(tmp_path, rows, target="outcome")
    assert "validation: 90, test: 90, seed: 0" in draft.block
    assert "of rare there are 12 rows: counts give some of each class to each part" in draft.block
