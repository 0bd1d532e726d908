"""Test rows that are given, and later than all others: what is held out then, and how that is told from the rows."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.drafting.pipeline import DraftedPipeline
from tasks.paths import PARTS
from tasks.tables import storage
from tests.drafting.small_tables import NUM_ROWS, init, noise, of_kind, run_stages

START = datetime(2024, 1, 1)
IN_TIME = "split: {kind: given, validation: 0.15, validation_by: time}"
BY_KEY = "split: {kind: given, validation: 0.15, seed: 0, key: ["


def hours(first: int, num_rows: int = NUM_ROWS, written: str = "%Y-%m-%d %H:%M") -> pl.Series:
    times = [START + timedelta(hours=first + number) for number in range(num_rows)]
    return pl.Series("timestamp", times).dt.strftime(written)


def drafted(root: Path, train: pl.Series, test: pl.Series, **more: Any) -> DraftedPipeline:
    noise(1, len(test)).with_columns(test).write_csv(root / "test.csv")
    return init(root, noise(0, len(train)).with_columns(train), test=str(root / "test.csv"), **more)


@pytest.mark.parametrize("written", ["%Y-%m-%d %H:%M", "%d.%m.%Y %H:%M", "%m/%d/%Y %H:%M:%S"])
def test_the_newest_rows_validate_where_the_test_rows_are_later(tmp_path: Path, written: str) -> None:
    draft = drafted(tmp_path, hours(0, written=written), hours(NUM_ROWS, 150, written), dry_run=False)
    reason = "# the test rows are later than all others, so the newest of the others validate"
    assert f"{reason}\n    {IN_TIME}\n" in draft.block
    assert of_kind(draft, "time")[0].message.endswith("so the scores are those for what comes next.")
    paths = run_stages(tmp_path)
    train, validation, test = (storage.read_table(paths.split(part))["timestamp"] for part in PARTS)
    assert (len(train), len(validation), len(test)) == (510, 90, 150)
    assert train.max() < validation.min() <= validation.max() < test.min()  # type: ignore[operator]


def test_numbers_say_when_too_and_the_last_day_may_be_on_both_sides(tmp_path: Path) -> None:
    seconds = pl.Series("timestamp", [1_500_000_000 + 86_400 * (number // 24) for number in range(NUM_ROWS + 110)])
    assert IN_TIME in drafted(tmp_path, seconds[:NUM_ROWS], seconds[NUM_ROWS - 10 :]).block


def test_a_column_of_the_data_may_say_which_are_the_later_ones(tmp_path: Path) -> None:
    fold = pl.Series("fold", ["train"] * 450 + ["test"] * 150)
    draft = init(tmp_path, noise().with_columns(hours(0), fold))
    assert "split: {kind: given, column: fold, validation: 0.15, validation_by: time}" in draft.block


@pytest.mark.parametrize(
    ("train", "test"),
    [
        # One row too early; all at the training's last instant; earlier; one without a time; one training row too late.
        (hours(0), hours(NUM_ROWS - 2, 150)),
        (hours(0), pl.Series("timestamp", [hours(NUM_ROWS - 1, 1)[0]] * 150)),
        (hours(NUM_ROWS), hours(0)),
        (hours(0), hours(NUM_ROWS, 150).set(pl.Series([False] * 149 + [True]), None)),
        (hours(0).set(pl.Series([True] + [False] * (NUM_ROWS - 1)), hours(NUM_ROWS + 1, 1)[0]), hours(NUM_ROWS, 150)),
    ],
)
def test_rows_that_are_not_all_later_are_as_any_others(tmp_path: Path, train: pl.Series, test: pl.Series) -> None:
    draft = drafted(tmp_path, train, test)
    assert BY_KEY in draft.block


def test_what_the_user_says_of_the_split_counts(tmp_path: Path) -> None:
    settings = ["split.validation_by=key"]
    draft = drafted(tmp_path, hours(0), hours(NUM_ROWS, 150), settings=settings)
    assert "validation_by: key" in draft.block


def test_validation_rows_are_learnt_from_unless_they_are_a_share_of_very_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refit = "refit: all_rows # once validation rows have said how long, they are learnt from as well"
    later, others = (hours(0), hours(NUM_ROWS, 150)), (hours(NUM_ROWS), hours(0))
    assert all(refit in drafted(tmp_path, *times).block for times in (later, others))
    monkeypatch.setattr("tasks.drafting.refits._MANY_ROWS", NUM_ROWS - 1)
    # The newest rows count, however many others there are.
    assert refit in drafted(tmp_path, *later).block
    assert "refit" not in drafted(tmp_path, *others).block


def test_validation_rows_are_drawn_where_the_newest_lack_a_class(tmp_path: Path) -> None:
    noise(1, 150).with_columns(hours(NUM_ROWS, 150)).write_csv(tmp_path / "test.csv")
    of_old = pl.when(pl.int_range(pl.len()) < 500).then("outcome").otherwise(pl.lit("bad")).alias("outcome")
    rows = noise().with_columns(hours(0)).with_columns(of_old)
    draft = init(tmp_path, rows, target="outcome", test=str(tmp_path / "test.csv"), dry_run=False)
    assert BY_KEY in draft.block
    assert "the newest rows would lack a class that validation needs" in draft.block
    run_stages(tmp_path)
