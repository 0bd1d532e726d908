from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks import reports, split, storage
from tasks.dataset import write_dataset
from tasks.errors import UserError
from tasks.params import GivenSplit, HashSplit
from tasks.paths import PARTS, Part, Paths
from tests.tables import Kind, cut, described, pipeline_in

COLUMNS: dict[str, Kind] = {
    "id": ("category", "id"),
    "x": ("number", "feature"),
    "note": ("text", "feature"),
    "part": ("category", "split"),
    "label": ("category", "target"),
}
DATASET = described(COLUMNS)


def table(num_rows: int, parts: Sequence[str | None] = ("train",), rare: int = 3) -> pl.DataFrame:
    """Every `rare`-th row is of class yes; `parts` are repeated."""
    numbers = range(num_rows)
    return pl.DataFrame(
        {
            "id": [str(number) for number in numbers],
            "x": [float(number) for number in numbers],
            "note": [None if number % 5 == 0 else f"note {number}" for number in numbers],
            "part": pl.Series([parts[number % len(parts)] for number in numbers], dtype=pl.String),
            "label": ["yes" if number % rare == 0 else "no" for number in numbers],
        }
    )


def prepared(root: Path, parts: Sequence[pl.DataFrame], columns: dict[str, Kind] = COLUMNS, **more: Any) -> Paths:
    paths = pipeline_in(root)
    write_dataset(paths.dataset, described(columns, **more))
    storage.write_parts(paths.clean, parts)
    return paths


def sides(paths: Paths) -> dict[str, Part]:
    return {name: part for part in PARTS for name in storage.read_table(paths.split(part))["id"]}


def refused(root: Path, rows: pl.DataFrame, config: HashSplit | GivenSplit, **more: Any) -> str:
    paths = prepared(root, [rows], **more)
    with pytest.raises(UserError) as caught:
        split.run(config, paths)
    assert not [file for file in paths.data.rglob("*") if "split" in file.parts and file.is_file()]
    return str(caught.value)


def test_every_row_is_on_exactly_one_side(tmp_path: Path) -> None:
    rows = table(400)
    paths = prepared(tmp_path, cut(rows, [100, 250]))
    report = split.run(HashSplit(), paths)
    assert report == reports.split(paths)
    together = pl.concat([storage.read_table(paths.split(part)) for part in PARTS])
    assert together.height == 400
    assert together.sort("x").equals(rows)
    counts = [storage.count_rows(paths.split(part)) for part in PARTS]
    assert report.figure == f"{counts[0]} / {counts[1]} / {counts[2]} rows"
    classes = storage.read_json(paths.split_report)["classes"]
    assert sum(sum(classes[part].values()) for part in PARTS) == 400


ROWS = table(300)
SIDES = dict(zip(ROWS["id"], split.assign(ROWS, HashSplit(), DATASET), strict=True))


@settings(derandomize=True, max_examples=20, deadline=None)
@given(seed=st.integers(0, 999), kept=st.integers(1, 300), places=st.lists(st.integers(0, 300), max_size=3))
def test_a_row_never_moves(seed: int, kept: int, places: list[int]) -> None:
    order = random.Random(seed).sample(range(300), kept)
    for part in cut(ROWS[order], places):
        assert dict(zip(part["id"], split.assign(part, HashSplit(), DATASET), strict=True)).items() <= SIDES.items()


def test_no_other_column_moves_a_row() -> None:
    others = ROWS.with_columns(id=pl.col("id") + "x", part=pl.lit("test")).select(reversed(ROWS.columns))
    assert split.assign(others, HashSplit(), DATASET).to_list() == list(SIDES.values())


def test_equal_rows_are_on_one_side() -> None:
    twice = pl.concat([ROWS, ROWS.with_columns(id=pl.lit("again"))])
    found = split.assign(twice, HashSplit(), DATASET).to_list()
    assert found[:300] == found[300:]


def test_growing_shares_only_add_rows() -> None:
    small = split.assign(ROWS, HashSplit(test=0.1), DATASET)
    large = split.assign(ROWS, HashSplit(test=0.3), DATASET)
    assert (large == "test").filter(small == "test").all()


def test_another_seed_is_another_split() -> None:
    assert split.assign(ROWS, HashSplit(seed=1), DATASET).to_list() != list(SIDES.values())


@pytest.mark.parametrize(("validation", "test"), [(0.15, 0.15), (0.05, 0.4)])
@pytest.mark.parametrize("seed", range(3))
def test_every_class_is_cut_in_the_same_shares(validation: float, test: float, seed: int) -> None:
    rows = table(6000, rare=10)
    found = rows.with_columns(side=split.assign(rows, HashSplit(validation=validation, test=test, seed=seed), DATASET))
    for _, of_class in found.group_by("label"):
        for side, share in (("validation", validation), ("test", test)):
            num = of_class.height
            # Five standard deviations of a binomial: once in a million.
            assert abs(of_class.filter(side=side).height - num * share) < 5 * (num * share * (1 - share)) ** 0.5


GIVEN = ["train", "Training", "validation", "VAL", "valid", " test ", "train"]


def test_the_column_says_it(tmp_path: Path) -> None:
    rows = table(70, GIVEN)
    paths = prepared(tmp_path, cut(rows, [7, 30]))
    split.run(GivenSplit(kind="given", column="part"), paths)
    expected = ["train", "train", "validation", "validation", "validation", "test", "train"] * 10
    assert sides(paths) == dict(zip(rows["id"], expected, strict=True))


def test_validation_rows_come_from_train_by_hash_when_none_are_given(tmp_path: Path) -> None:
    rows = table(300, ["train", "train", "test"])
    paths = prepared(tmp_path, cut(rows, [100]))
    split.run(GivenSplit(kind="given", column="part", validation=0.3), paths)
    found = sides(paths)
    given_test = {name for name, part in zip(rows["id"], rows["part"], strict=True) if part == "test"}
    assert {name for name, part in found.items() if part == "test"} == given_test
    assert 30 < sum(part == "validation" for part in found.values()) < 90
    reordered = split.assign(rows.reverse(), GivenSplit(kind="given", column="part", validation=0.3), DATASET)
    assert dict(zip(rows["id"].reverse(), reordered, strict=True)) == found


def test_validation_rows_in_a_later_part_are_enough(tmp_path: Path) -> None:
    rows = table(60, ["train"] * 20 + ["test"] * 20 + ["validation"] * 20)
    paths = prepared(tmp_path, cut(rows, [20, 40]))
    split.run(GivenSplit(kind="given", column="part"), paths)
    assert [storage.count_rows(paths.split(part)) for part in PARTS] == [20, 20, 20]


@pytest.mark.parametrize(
    ("parts", "column", "said"),
    [
        (
            ["train", "tset", "validation"],
            "part",
            "split.column: column part holds 'tset' in 20 rows; known are train,",
        ),
        (["train", None, "test"], "part", "split.column: column part holds nothing in 20 rows; known are train,"),
        (["train", "test"], "prat", "split.column: there is no column prat; did you mean part?"),
        (["train", "test"], "note", "split.column: column note is a feature, so the model would learn from it; set"),
        (["train", "validation"], "part", "split: no row falls into test (60 rows in all); bring more rows"),
        (["test"], "part", "split: no row falls into train"),
    ],
)
def test_a_column_that_cannot_be_used(tmp_path: Path, parts: list[str | None], column: str, said: str) -> None:
    assert refused(tmp_path, table(60, parts), GivenSplit(kind="given", column=column)).startswith(said)


def test_too_few_rows_for_three_parts(tmp_path: Path) -> None:
    assert "bring more rows, or change the shares or the seed under split" in refused(tmp_path, table(2), HashSplit())


def test_a_class_that_train_would_not_know(tmp_path: Path) -> None:
    rows = table(60, ["train", "validation", "test"]).with_columns(label=pl.col("part") + pl.lit("ed"))
    said = refused(tmp_path, rows, GivenSplit(kind="given", column="part"))
    assert said.startswith("split: class 'tested' of label is missing from train; bring more rows of it")


def test_a_train_part_of_one_class(tmp_path: Path) -> None:
    rows = table(60, ["train", "validation", "test"]).with_columns(label=pl.lit("yes"))
    said = refused(tmp_path, rows, GivenSplit(kind="given", column="part"))
    assert said == "split: train holds one class of label only; bring rows of another class"


def test_regression_has_no_classes_to_miss(tmp_path: Path) -> None:
    columns: dict[str, Kind] = {"note": ("text", "feature"), "x": ("number", "target")}
    paths = prepared(tmp_path, [table(100).select("note", "x")], columns, task="regression")
    split.run(HashSplit(), paths)
    assert storage.read_json(paths.split_report)["classes"] == {part: {} for part in PARTS}
