from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks import clean, reports, storage
from tasks.dataset import write_dataset
from tasks.errors import GateError
from tasks.params import Clean
from tasks.paths import Paths
from tests.tables import Kind, cut, described, image, pipeline_in

COLUMNS: dict[str, Kind] = {
    "id": ("category", "id"),
    "size": ("number", "feature"),
    "note": ("text", "feature"),
    "colour": ("category", "feature"),
    "label": ("category", "target"),
}
SCHEMA = {"id": pl.String, "size": pl.Float64, "note": pl.String, "colour": pl.String, "label": pl.String}
LENIENT = Clean(max_quarantined=0.99)

Row = tuple[Any, ...]
SIZES = st.sampled_from([None, 1.0, 2.0, float("inf")])
NOTES = st.sampled_from([None, "", " \t", "good", "bad"])
COLOURS = st.sampled_from([None, "red", "-", ""])
LABELS = st.sampled_from([None, "no", "yes"])
TABLES = st.lists(st.tuples(SIZES, NOTES, COLOURS, LABELS), max_size=20)


def table(rows: Sequence[Row]) -> pl.DataFrame:
    return pl.DataFrame([(str(number), *row) for number, row in enumerate(rows)], schema=SCHEMA, orient="row")


def prepared(root: Path, parts: Sequence[pl.DataFrame], columns: dict[str, Kind] = COLUMNS) -> Paths:
    paths = pipeline_in(root)
    write_dataset(paths.dataset, described(columns))
    storage.write_parts(paths.valid, parts)
    return paths


def taken(paths: Paths) -> pl.DataFrame:
    return storage.read_table(paths.quarantine("clean"))


def kept_ids(paths: Paths) -> list[str]:
    return storage.read_table(paths.clean)["id"].to_list()


GOOD: list[Row] = [(1.0, "good", "red", "no"), (2.0, "bad", None, "yes"), (None, "good", "red", "no")]


def test_each_bad_row_goes_with_its_rule_and_reason(tmp_path: Path) -> None:
    bad: list[Row] = [
        (1.0, "good", "red", None),
        (float("-inf"), "bad", "red", "no"),
        (1.0, " \n ", "red", "no"),
        (1.0, None, "red", "no"),
        (1.0, "good", "red", "no"),
    ]
    paths = prepared(tmp_path, [table(GOOD + bad)])
    report = clean.run(LENIENT, paths)
    assert report == reports.clean(paths)
    assert report.figure == "3 rows, 5 quarantined"
    assert kept_ids(paths) == ["0", "1", "2"]
    assert taken(paths).select("id", "_stage", "_rule", "_reason").rows() == [
        ("3", "clean", "missing_target", "label is missing"),
        ("4", "clean", "unusable_number", "size is infinite"),
        ("5", "clean", "unusable_text", "note is blank"),
        ("6", "clean", "unusable_text", "note is blank"),
        ("7", "clean", "duplicate", "the same values stand in an earlier row"),
    ]
    assert report.numbers["rules"]["unusable_text"] == {"num_quarantined": 2, "examples": ["note is blank"]}


def test_pictures_that_cannot_be_decoded_go(tmp_path: Path) -> None:
    columns: dict[str, Kind] = {"scan": ("image", "feature"), "label": ("category", "target")}
    good = image([[0, 255], [7, 9]])
    contents = [good, good[:45], b"", None, b"text", image([[1, 2]], "JPEG")]
    rows = pl.DataFrame({"scan": contents, "label": ["a", "b"] * 3}, schema={"scan": pl.Binary, "label": pl.String})
    paths = prepared(tmp_path, [rows], columns)
    clean.run(LENIENT, paths)
    assert storage.read_table(paths.clean)["scan"].to_list() == [good, contents[-1]]
    assert taken(paths)["_reason"].to_list() == [
        "scan cannot be decoded as an image (45 bytes)",
        "scan cannot be decoded as an image (0 bytes)",
        "scan has no image",
        "scan cannot be decoded as an image (4 bytes)",
    ]


def test_only_features_and_target_make_a_duplicate(tmp_path: Path) -> None:
    columns: dict[str, Kind] = {**COLUMNS, "part": ("category", "split"), "when": ("category", "time")}
    rows = table([GOOD[0]] * 3).with_columns(part=pl.Series(["train", "test", "test"]), when=pl.Series(["1", "1", "2"]))
    paths = prepared(tmp_path, [rows], columns)
    clean.run(LENIENT, paths)
    assert kept_ids(paths) == ["0", "2"]


def test_duplicates_may_stay(tmp_path: Path) -> None:
    paths = prepared(tmp_path, [table(GOOD * 2)])
    assert clean.run(Clean(duplicates="keep"), paths).figure == "6 rows, 0 quarantined"


def test_a_clean_table_leaves_an_empty_quarantine(tmp_path: Path) -> None:
    paths = prepared(tmp_path, [table(GOOD)])
    clean.run(Clean(), paths)
    assert taken(paths).is_empty()
    assert taken(paths).columns == [*SCHEMA, "_stage", "_rule", "_reason"]


def test_more_bad_rows_than_allowed_stop_the_run_and_can_be_looked_at(tmp_path: Path) -> None:
    paths = prepared(tmp_path, [table([*GOOD, GOOD[0], (1.0, "", "red", "no")])])
    with pytest.raises(GateError) as caught:
        clean.run(Clean(max_quarantined=0.3), paths)
    assert caught.value.exit_code == 3
    assert str(caught.value) == (
        "clean: 2 of 5 rows would go (40.0%; duplicate 1, unusable_text 1), more than clean.max_quarantined = 30.0%; "
        "look at them in data/p/quarantine/clean, then mend the source or raise the limit"
    )
    assert taken(paths).height == 2
    assert clean.run(Clean(max_quarantined=0.4), paths).numbers["num_quarantined"] == 2


@settings(derandomize=True, max_examples=25, deadline=None)
@given(rows=TABLES, places=st.lists(st.integers(0, 20), max_size=3))
def test_no_row_is_lost_and_the_first_of_equal_ones_stays_wherever_parts_are_cut(
    rows: list[Row], places: list[int]
) -> None:
    rows = [*GOOD, *rows]
    with TemporaryDirectory() as folder:
        paths = prepared(Path(folder), cut(table(rows), places))
        numbers = clean.run(LENIENT, paths).numbers
        kept, gone = storage.read_table(paths.clean), taken(paths)
    assert numbers["num_rows_in"] == len(rows) == kept.height + gone.height
    assert numbers["num_quarantined"] == gone.height
    both = pl.concat([kept, gone.select(kept.columns)]).sort(pl.col("id").cast(pl.Int64))
    assert both.equals(table(rows))
    usable = [
        (str(number), row)
        for number, row in enumerate(rows)
        if row[3] is not None and row[0] != float("inf") and (row[1] or "").strip()
    ]
    first = {row: number for number, row in reversed(usable)}
    assert kept["id"].to_list() == sorted(first.values(), key=int)


def test_the_same_rows_leave_the_same_bytes(tmp_path: Path) -> None:
    found = []
    for root in (tmp_path / "a", tmp_path / "b"):
        paths = prepared(root, [table(GOOD * 2)])
        clean.run(LENIENT, paths)
        found.append({file.relative_to(root): file.read_bytes() for file in root.rglob("*") if file.is_file()})
    assert found[0] == found[1]
