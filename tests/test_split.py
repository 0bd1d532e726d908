from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import TypeAdapter, ValidationError

from tasks import files, reports, split
from tasks.errors import UserError
from tasks.params.split import GivenSplit, HashSplit, Split
from tasks.paths import PARTS, Part, Paths
from tasks.splitting.fold_paths import FoldPaths
from tasks.splitting.folds import fold_paths
from tasks.tables import storage
from tasks.tables.dataset import write_dataset
from tests.shared_data import shared
from tests.small_tables import Kind, cut, described, pipeline_in
from tests.splitting.rows import COLUMNS as GROUPED
from tests.splitting.rows import many, rows_of

COLUMNS: dict[str, Kind] = {
    "id": ("category", "id"),
    "x": ("number", "feature"),
    "note": ("text", "feature"),
    "part": ("category", "split"),
    "label": ("category", "target"),
}


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
    storage.write_parts(paths.valid, parts)
    return paths


def sides(paths: Paths) -> dict[str, Part]:
    return {name: part for part in PARTS for name in storage.read_table(paths.split(part))["id"]}


def refused(root: Path, rows: pl.DataFrame, config: Split, **more: Any) -> str:
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
    classes = files.read_json(paths.split_report)["classes"]
    assert sum(sum(classes[part].values()) for part in PARTS) == 400


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
    parts = sides(paths)
    given_test = {name for name, part in zip(rows["id"], rows["part"], strict=True) if part == "test"}
    assert {name for name, part in parts.items() if part == "test"} == given_test
    assert 30 < sum(part == "validation" for part in parts.values()) < 90
    again = prepared(tmp_path / "again", cut(rows.reverse(), [40, 90]))
    split.run(GivenSplit(kind="given", column="part", validation=0.3), again)
    assert sides(again) == parts


def test_test_rows_come_from_train_when_none_are_given_and_a_share_is(tmp_path: Path) -> None:
    rows = table(400, ["train", "train", "train", "validation"])
    paths = prepared(tmp_path, cut(rows, [100]))
    split.run(GivenSplit(kind="given", column="part", test=0.2), paths)
    parts = sides(paths)
    given = {name for name, part in zip(rows["id"], rows["part"], strict=True) if part == "validation"}
    assert {name for name, part in parts.items() if part == "validation"} == given
    # A fifth of 300, within four standard deviations.
    assert 32 < sum(part == "test" for part in parts.values()) < 88
    # Of rows without any part, both come, and no row has two.
    alone = prepared(tmp_path / "alone", [table(400, ["train"])])
    split.run(GivenSplit(kind="given", column="part", validation=0.2, test=0.2), alone)
    assert all(50 < storage.count_rows(alone.split(part)) < 300 for part in PARTS)
    assert len(sides(alone)) == 400


def test_validation_rows_in_a_later_part_are_enough(tmp_path: Path) -> None:
    rows = table(60, ["train"] * 20 + ["test"] * 20 + ["validation"] * 20)
    paths = prepared(tmp_path, cut(rows, [20, 40]))
    split.run(GivenSplit(kind="given", column="part"), paths)
    assert [storage.count_rows(paths.split(part)) for part in PARTS] == [20, 20, 20]


def test_validation_rows_are_the_newest_where_the_test_rows_are_later(tmp_path: Path) -> None:
    rows = many(120, num_days=120).sort("when").with_columns(part=pl.Series(["train"] * 100 + ["test"] * 20))
    paths = prepared(tmp_path, cut(rows, [50]), GROUPED)
    split.run(GivenSplit(kind="given", column="part", validation_by="time"), paths)
    assert [sides(paths)[name] for name in rows["id"]] == ["train"] * 85 + ["validation"] * 15 + ["test"] * 20
    # By it the stages that follow know that rows are held out in time, and by which column.
    assert files.read_json(paths.split_report)["time"] == "when"
    split.run(GivenSplit(kind="given", column="part"), paths)
    assert "time" not in files.read_json(paths.split_report)


@pytest.mark.parametrize(
    ("parts", "column", "message"),
    [
        (
            ["train", "tset", "validation"],
            "part",
            "split.column: column part holds 'tset' in 20 of 60 rows; known are train,",
        ),
        (["train", None, "test"], "part", "split.column: column part holds nothing in 20 of 60 rows; known are train,"),
        (["train", "test"], "prat", "split.column: there is no column prat; did you mean part?"),
        (["train", "test"], "label", "split.column: column label is the target, which no split can go by"),
        (["train", "test"], "note", "split.column: column note is a feature, so the model would learn from it; set"),
        (["train", "validation"], "part", "split: no row falls into test (60 rows in all); bring more rows"),
        (["test"], "part", "split: no row falls into train"),
    ],
)
def test_a_column_that_cannot_be_used(tmp_path: Path, parts: list[str | None], column: str, message: str) -> None:
    assert refused(tmp_path, table(60, parts), GivenSplit(kind="given", column=column)).startswith(message)


def test_too_few_rows_for_three_parts(tmp_path: Path) -> None:
    assert "bring more rows, or change the shares or the seed under split" in refused(tmp_path, table(2), HashSplit())


def test_regression_has_no_classes_to_miss(tmp_path: Path) -> None:
    columns: dict[str, Kind] = {"note": ("text", "feature"), "x": ("number", "target")}
    paths = prepared(tmp_path, [table(100).select("note", "x")], columns, task="regression")
    split.run(HashSplit(), paths)
    assert files.read_json(paths.split_report)["classes"] == {part: {} for part in PARTS}


def configured(kind: str, **more: Any) -> Split:
    chosen: Split = TypeAdapter(Split).validate_python({"kind": kind, **more})
    return chosen


@pytest.mark.parametrize("kind", ["hash", "group", "time"])
@pytest.mark.parametrize("sizes", [{}, {"validation": 60, "test": 40}])
def test_every_kind_loses_no_row_and_is_the_same_on_any_cut(tmp_path: Path, kind: str, sizes: dict[str, int]) -> None:
    rows, parts = many(400), []
    for number, places in enumerate(([], [100, 101, 350])):
        paths = prepared(tmp_path / str(number), cut(rows, places), GROUPED)
        report = split.run(configured(kind, **sizes), paths)
        assert report == reports.split(paths)
        together = pl.concat([storage.read_table(paths.split(part)) for part in PARTS])
        assert together.sort("x").equals(rows)
        parts.append(sides(paths))
    assert parts[0] == parts[1]
    if sizes and kind == "hash":
        assert report.figure == "300 / 60 / 40 rows"


REPEATED = rows_of([(number % 30, "a", number % 30, "yes" if number % 2 else "no") for number in range(90)])


def test_rows_that_are_judged_on_though_train_has_them_are_counted(tmp_path: Path) -> None:
    parts = ["train"] * 30 + ["validation"] * 5 + ["train"] * 25 + ["test"] * 30
    rows = REPEATED.with_columns(part=pl.Series(parts))
    rows = rows.with_columns(x=pl.when(pl.int_range(pl.len()) >= 83).then(pl.lit(99.0)).otherwise("x"))
    paths = prepared(tmp_path, cut(rows, [33, 70]), GROUPED)
    report = split.run(configured("given", column="part"), paths)
    assert files.read_json(paths.split_report)["num_shared"] == {"validation": 5, "test": 23}
    assert report.figure == "55 / 5 / 30 rows, 5 validation rows also in train, 23 test rows also in train"


def test_rows_that_only_their_group_tells_apart_are_counted_when_it_is_no_content(tmp_path: Path) -> None:
    rows = REPEATED.with_columns(who=pl.Series([str(number // 3) for number in range(90)]))
    paths = prepared(tmp_path, [rows], {**GROUPED, "who": ("category", "id")})
    split.run(configured("group", column="who", validation=0.3, test=0.3), paths)
    content = {part: set(storage.read_table(paths.split(part)).select("x", "label").iter_rows()) for part in PARTS}
    in_test = list(storage.read_table(paths.split("test")).select("x", "label").iter_rows())
    shared_rows = sum(row in content["train"] for row in in_test)
    assert files.read_json(paths.split_report)["num_shared"]["test"] == shared_rows > 0


def test_groups_that_a_split_by_hash_cuts_are_told_and_the_advice_keeps_them_together(tmp_path: Path) -> None:
    paths = prepared(tmp_path, [many(200)], GROUPED)
    (hint,) = split.run(configured("hash"), paths).diagnostics
    assert hint.startswith("rows of one who are learnt from and judged on")
    assert "`split: {kind: group}`" in hint
    assert not split.run(configured("group"), paths).diagnostics
    assert "ignored_group" not in files.read_json(paths.split_report)
    groups = [set(storage.read_table(paths.split(part))["who"]) for part in PARTS]
    assert len(groups[0] | groups[1] | groups[2]) == sum(map(len, groups))
    # A key that is the group keeps it together as well.
    assert not split.run(configured("hash", key=("who",)), paths).diagnostics


@pytest.mark.parametrize("kind", ["hash", "group", "time"])
def test_identical_rows_are_nowhere_counted_as_shared(tmp_path: Path, kind: str) -> None:
    rows = pl.concat([many(200), many(200)])
    paths = prepared(tmp_path, [rows], GROUPED)
    split.run(configured(kind), paths)
    # The same ids, too: these rows are one event, written down twice.
    assert files.read_json(paths.split_report)["num_shared"] == {"validation": 0, "test": 0}
    content = [set(storage.read_table(paths.split(part))["x"]) for part in PARTS]
    assert len(content[0] | content[1] | content[2]) == sum(map(len, content))


def test_rows_of_one_content_and_other_ids_are_counted_where_they_are_on_two_sides(tmp_path: Path) -> None:
    paths = prepared(tmp_path, [REPEATED], GROUPED)
    split.run(HashSplit(), paths)
    content = {part: set(storage.read_table(paths.split(part)).select("x", "label").iter_rows()) for part in PARTS}
    in_test = list(storage.read_table(paths.split("test")).select("x", "label").iter_rows())
    shared_rows = sum(row in content["train"] for row in in_test)
    assert files.read_json(paths.split_report)["num_shared"]["test"] == shared_rows > 0


@pytest.mark.parametrize(("kind", "more"), [("hash", {}), ("group", {}), ("given", {"column": "part"})])
def test_train_rows_have_folds(tmp_path: Path, kind: str, more: dict[str, str]) -> None:
    rows = pl.concat([many(900, rare=4), many(900, rare=4)])
    plain = prepared(tmp_path / "plain", [rows], GROUPED)
    paths = prepared(tmp_path / "folds", cut(rows, [500]), GROUPED)
    split.run(configured(kind, **more), plain)
    report = split.run(configured(kind, folds=4, **more), paths)
    assert sides(paths) == sides(plain)
    train = storage.read_table(paths.split("train"))
    assert train.equals(storage.read_table(plain.split("train")))
    tested = [storage.read_table(FoldPaths.of(paths, number).split("test")) for number in range(4)]
    learnt = [storage.read_table(FoldPaths.of(paths, number).split("train")) for number in range(4)]
    # Each training row is tested on in one fold, and learnt from in all others.
    assert pl.concat(tested).sort("x", "id").equals(train.sort("x", "id"))
    for test_rows, learnt_rows in zip(tested, learnt, strict=True):
        assert pl.concat([test_rows, learnt_rows]).sort("x", "id").equals(train.sort("x", "id"))
    assert files.read_json(paths.split_report)["folds"] == [rows.height for rows in tested]
    together = "who" if kind == "group" else "x"
    assert sum(rows[together].n_unique() for rows in tested) == train[together].n_unique()
    assert report.figure.endswith(" rows, 4 folds")


def test_fewer_folds_leave_nothing_of_more(tmp_path: Path) -> None:
    paths = prepared(tmp_path, [many(400)], GROUPED)
    for count in (4, 2, 0):
        split.run(configured("hash", folds=count), paths)
        assert [fold.number for fold in fold_paths(paths, "split")] == list(range(count))
        assert sorted(file.name for file in paths.folds("split").iterdir()) == [*map(str, range(count)), "folds.json"]


def test_folds_are_cut_from_every_class_alike(tmp_path: Path) -> None:
    paths = prepared(tmp_path, [many(6000, rare=10)], GROUPED)
    split.run(configured("hash", folds=5), paths)
    num_rows = storage.read_table(paths.split("train"))["label"].value_counts(name="num_rows")
    for number in range(5):
        of_fold = storage.read_table(FoldPaths.of(paths, number).split("test"))
        for name, count in num_rows.rows():
            share = of_fold.filter(label=name).height
            assert abs(share - count / 5) < 5 * (count * 0.2 * 0.8) ** 0.5


def test_more_folds_than_groups_are_refused(tmp_path: Path) -> None:
    config = configured("group", folds=20, validation=20, test=20)
    said = refused(tmp_path, many(200, num_groups=9), config, columns=GROUPED)
    assert said.startswith("split.folds: no row falls into fold ")
    assert said.endswith(" of 20; make split.folds smaller, bring more groups, or try another split.seed")


def test_one_fold_is_refused_and_time_has_none() -> None:
    with pytest.raises(ValidationError, match="one fold leaves nothing to learn from; write 0 for none"):
        configured("hash", folds=1)
    with pytest.raises(ValidationError, match="a split by time has no folds, as what came later would be learnt from"):
        configured("time", folds=5)


@pytest.mark.parametrize(
    ("key", "message"), [([], "an empty key tells no rows apart"), (["x", "x"], "key names x twice")]
)
def test_a_key_names_columns_and_each_once(key: list[str], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        configured("hash", key=key)


@pytest.mark.parametrize(
    ("kind", "more", "message"),
    [
        ("hash", {"test": 0.001}, "no row falls into test (40 rows in all); bring more rows, or change the shares"),
        ("group", {"test": 0.001}, "no row falls into test (40 rows in all); bring rows of more groups, write counts"),
    ],
)
def test_the_cure_of_an_empty_part_is_that_of_the_kind(tmp_path: Path, kind: str, more: Any, message: str) -> None:
    assert message in refused(tmp_path, many(40), configured(kind, **more), columns=GROUPED)


def test_bike_sharing_is_cut_by_its_days(tmp_path: Path) -> None:
    rows = pl.read_csv(shared("bike-sharing/hour.csv"), try_parse_dates=True).select(
        pl.col("dteday").cast(pl.Datetime("us")), pl.col("hr", "temp", "cnt").cast(pl.Float64)
    )
    kinds: dict[str, Kind] = {
        "dteday": ("timestamp", "time"),
        "hr": ("number", "feature"),
        "temp": ("number", "feature"),
        "cnt": ("number", "target"),
    }
    paths = prepared(tmp_path, cut(rows, [5000]), kinds, task="regression")
    split.run(configured("time", test=2000), paths)
    test, validation, train = (storage.read_table(paths.split(part))["dteday"] for part in reversed(PARTS))
    assert train.max() < validation.min() <= validation.max() < test.min()  # type: ignore[operator]
    assert abs(len(test) - 2000) <= 12
    assert abs(len(validation) - 0.15 * rows.height) <= 12
