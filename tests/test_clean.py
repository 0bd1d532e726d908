from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks import clean, files, reports
from tasks.errors import GateError, UserError
from tasks.params.clean import Clean
from tasks.params.config import Task
from tasks.paths import Paths
from tasks.tables import storage
from tasks.tables.dataset import read_dataset, write_dataset
from tests.small_tables import Kind, cut, described, image, pipeline_in, write_split

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


@pytest.fixture(autouse=True)
def _tables_too_small_to_be_split(monkeypatch: pytest.MonkeyPatch) -> None:
    """What each part must have of each class is tested in tests/splitting/test_checks.py and tests/cleaning."""
    monkeypatch.setattr(clean, "check_classes", lambda *_: None)


def prepared(
    root: Path, parts: Sequence[pl.DataFrame], columns: dict[str, Kind] = COLUMNS, task: Task = "binary"
) -> Paths:
    paths = pipeline_in(root)
    write_dataset(paths.dataset, described(columns, task))
    write_split(paths, parts)
    return paths


def trimmed(row: Row) -> Row:
    """As clean leaves it: text has no blanks at its ends."""
    return (row[0], row[1].strip() if row[1] is not None else None, *row[2:])


def has_a_value(row: Row) -> bool:
    return row[0] is not None or bool((row[1] or "").strip()) or row[2] is not None


def taken(paths: Paths) -> pl.DataFrame:
    return storage.read_table(paths.quarantine("clean"))


def kept_ids(paths: Paths) -> list[str]:
    return storage.read_table(paths.clean("train"))["id"].to_list()


GOOD: list[Row] = [(1.0, "good", "red", "no"), (2.0, "bad", None, "yes"), (None, "good", "red", "no")]


def test_each_bad_row_goes_with_its_rule_and_reason(tmp_path: Path) -> None:
    bad: list[Row] = [
        (1.0, "good", "red", None),
        (float("-inf"), "bad", "red", "no"),
        (None, " \n ", None, "no"),
        (None, None, None, "no"),
        (1.0, "good", "red", "no"),
    ]
    rows = table(GOOD + bad).with_columns(id=pl.col("id").replace({"7": "0"}))
    paths = prepared(tmp_path, [rows])
    report = clean.run(LENIENT, paths)
    assert report == reports.clean(paths)
    assert report.figure == "3 rows, 5 quarantined"
    assert kept_ids(paths) == ["0", "1", "2"]
    assert taken(paths).select("id", "_stage", "_rule", "_reason").rows() == [
        ("3", "clean", "missing_target", "label is missing"),
        ("4", "clean", "unusable_number", "size is infinite"),
        ("5", "clean", "nothing_present", "no feature has a value"),
        ("6", "clean", "nothing_present", "no feature has a value"),
        ("0", "clean", "duplicate", "the same values stand in an earlier row"),
    ]
    assert report.numbers["rules"]["nothing_present"]["num_quarantined"] == 2


def test_pictures_that_cannot_be_decoded_go(tmp_path: Path) -> None:
    columns: dict[str, Kind] = {"scan": ("image", "feature"), "label": ("category", "target")}
    good = image([[0, 255], [7, 9]])
    contents = [good, good[:45], b"", None, b"text", image([[1, 90], [200, 3]], "JPEG")]
    rows = pl.DataFrame({"scan": contents, "label": ["a", "b"] * 3}, schema={"scan": pl.Binary, "label": pl.String})
    paths = prepared(tmp_path, [rows], columns)
    clean.run(LENIENT, paths)
    assert storage.read_table(paths.clean("train"))["scan"].to_list() == [good, contents[-1]]
    assert taken(paths)["_reason"].to_list() == [
        "scan cannot be decoded as an image (45 bytes)",
        "scan cannot be decoded as an image (0 bytes)",
        "scan has no image",
        "scan cannot be decoded as an image (4 bytes)",
    ]


def test_only_rows_that_are_equal_in_every_column_are_one_event(tmp_path: Path) -> None:
    columns: dict[str, Kind] = {**COLUMNS, "when": ("category", "time")}
    rows = table([GOOD[0]] * 4).with_columns(id=pl.Series(["0", "0", "0", "3"]), when=pl.Series(["1", "1", "2", "1"]))
    paths = prepared(tmp_path, [rows], columns)
    report = clean.run(LENIENT, paths)
    assert kept_ids(paths) == ["0", "0", "3"]
    assert report.numbers["num_alike"] == 2
    assert "2 rows alike under other ids" in report.figure


def test_duplicates_may_stay(tmp_path: Path) -> None:
    paths = prepared(tmp_path, [table(GOOD * 2).with_columns(id=pl.lit("0"))])
    assert clean.run(Clean(duplicates="keep"), paths).figure == "6 rows, 0 quarantined"


def test_a_clean_table_leaves_an_empty_quarantine(tmp_path: Path) -> None:
    paths = prepared(tmp_path, [table(GOOD)])
    clean.run(Clean(), paths)
    assert taken(paths).is_empty()
    assert taken(paths).columns == [*SCHEMA, "_stage", "_rule", "_reason"]


def test_more_bad_rows_than_allowed_stop_the_run_and_can_be_looked_at(tmp_path: Path) -> None:
    paths = prepared(
        tmp_path, [table([*GOOD, GOOD[0], (None, "", None, "no")]).with_columns(id=pl.col("id").replace({"3": "0"}))]
    )
    with pytest.raises(GateError) as caught:
        clean.run(Clean(max_quarantined=0.3), paths)
    assert caught.value.exit_code == 3
    assert str(caught.value) == (
        "clean: 2 of 5 rows would go (40.0 %; duplicate 1, nothing_present 1), more than clean.max_quarantined = 30.0 %"
        "; look at them in data/p/quarantine/clean, then mend the source or raise the limit. The first of each rule:\n"
        "  duplicate 1: the same values stand in an earlier row\n"
        "  nothing_present 1: no feature has a value"
    )
    assert taken(paths).height == 2
    assert clean.run(Clean(max_quarantined=0.4), paths).numbers["num_quarantined"] == 2


@settings(derandomize=True, max_examples=25, deadline=None)
@given(rows=TABLES, places=st.lists(st.integers(0, 20), max_size=3))
def test_no_row_is_lost_and_the_first_of_equal_ones_stays_wherever_parts_are_cut(
    rows: list[Row], places: list[int]
) -> None:
    rows = [*GOOD, *rows]
    # Without ids, rows of the same values are one event.
    columns = {name: kind for name, kind in COLUMNS.items() if name != "id"}
    with TemporaryDirectory() as folder:
        paths = prepared(Path(folder), cut(table(rows).drop("id"), places), columns)
        numbers = clean.run(LENIENT, paths).numbers
        kept, gone = storage.read_table(paths.clean("train")), taken(paths)
    assert numbers["num_rows_in"] == len(rows) == kept.height + gone.height
    assert numbers["num_quarantined"] == gone.height
    assert sorted(map(repr, map(trimmed, [*kept.rows(), *gone.select(kept.columns).rows()]))) == sorted(
        map(repr, map(trimmed, rows))
    )
    usable = [trimmed(row) for row in rows if row[3] is not None and row[0] != float("inf") and has_a_value(row)]
    assert kept.rows() == list(dict.fromkeys(usable))


def test_rows_that_contradict_each_other_are_flagged(tmp_path: Path) -> None:
    rows: list[Row] = [*GOOD, (1.0, "good", "red", "yes")]
    paths = prepared(tmp_path, [table(rows)])
    content = clean.run(Clean(), paths).numbers
    assert kept_ids(paths) == ["0", "1", "2", "3"]
    assert reports.clean(paths).figure == "4 rows, 0 quarantined, 2 flagged"
    flagged = storage.read_table(paths.flagged)
    assert flagged.select("id", "_rule").rows() == [("0", "conflict"), ("3", "conflict")]
    reason = "rows with the same features have another label"
    assert content["flagged"] == {"conflict": {"num_flagged": 2, "examples": [reason]}}
    assert clean.run(Clean(conflicts="quarantine", max_quarantined=0.5), paths).numbers["num_quarantined"] == 2
    assert kept_ids(paths) == ["1", "2"]
    assert clean.run(Clean(conflicts="keep"), paths).numbers["num_flagged"] == 0


def test_values_are_put_right_before_rows_are_compared(tmp_path: Path) -> None:
    rows: list[Row] = [(1.0, "good", "red", "no"), (1.0, "good ", " red", "no "), (2.0, "bad", "blue", "yes")]
    paths = prepared(tmp_path, [table(rows).with_columns(id=pl.Series(["0", "0", "2"]))])
    content = clean.run(LENIENT, paths).numbers
    assert kept_ids(paths) == ["0", "2"]
    # What goes to quarantine is as it came.
    assert taken(paths)["note"].to_list() == ["good "]
    assert content["num_changed"] == 3
    assert content["changed"]["note"] == {"num_changed": 1, "examples": [{"before": "good ", "after": "good"}]}
    repair = {"white_space": "all", "unicode": "NFC"}
    columns = {column["name"]: column for column in files.read_json(paths.cleaned)["columns"]}
    assert columns["label"] == {"name": "label", "type": "category", "role": "target", "repair": repair}
    assert "repair" not in columns["size"]


def test_spellings_of_two_classes_made_one_leave_a_binary_task(tmp_path: Path) -> None:
    rows: list[Row] = [(1.0, "a", "red", "no"), (2.0, "b", "red", "no."), (3.0, "c", "red", "yes")]
    paths = prepared(tmp_path, [table(rows)], task="multiclass")
    clean.run(Clean(), paths)
    assert read_dataset(paths.cleaned).task == "multiclass"
    clean.run(Clean.model_validate({"columns": {"label": {"replace": {"no.": "no"}}}}), paths)
    assert read_dataset(paths.cleaned).task == "binary"
    assert storage.read_table(paths.clean("train"))["label"].to_list() == ["no", "no", "yes"]


def test_a_third_class_of_a_task_that_is_said_to_be_binary_is_refused(tmp_path: Path) -> None:
    labels = ["yes", "no", "maybe"] * 3
    rows = table([(float(n), "", "red", label) for n, label in enumerate(labels)])
    message = "binary, and label has 3 classes: 'maybe', 'no', 'yes'; set ingest.task to multiclass"
    with pytest.raises(UserError, match=message):
        clean.run(Clean(), prepared(tmp_path, [rows]))
    assert clean.run(Clean(), prepared(tmp_path, [rows], task="multiclass")).numbers["num_rows_out"] == 9


def test_suspicious_labels_of_amounts_are_refused(tmp_path: Path) -> None:
    columns: dict[str, Kind] = {"size": ("number", "feature"), "price": ("number", "target")}
    rows = pl.DataFrame({"size": [1.0, 2, 3] * 4, "price": [1.5, 2.5, 3.5] * 4})
    config = Clean.model_validate({"labels": {"suspicious": "flag"}})
    with pytest.raises(UserError, match=r"clean\.labels\.suspicious looks for wrong classes, and price is an amount"):
        clean.run(config, prepared(tmp_path, [rows], columns, task="regression"))


def test_impossible_values(tmp_path: Path) -> None:
    paths = prepared(tmp_path, [table(GOOD)])
    bounded = {"size": {"max": 1.5}, "colour": {"allowed": ["blue"]}}
    clean.run(Clean.model_validate({"columns": bounded}), paths)
    assert storage.read_table(paths.clean("train"))["size"].to_list() == [1.0, None, None]
    assert storage.read_table(paths.clean("train"))["colour"].to_list() == [None, None, None]
    strict = {name: rules | {"outside": "quarantine"} for name, rules in bounded.items()}
    with pytest.raises(GateError):
        clean.run(Clean.model_validate({"columns": strict, "max_quarantined": 0.99}), paths)
    assert taken(paths).select("_rule", "_reason").rows() == [
        ("impossible", "colour is red, which is not allowed"),
        ("impossible", "size is 2.0, above 1.5"),
        ("impossible", "colour is red, which is not allowed"),
    ]


@pytest.mark.parametrize("action", ["flag", "quarantine"])
def test_outliers(tmp_path: Path, action: str) -> None:
    rows: list[Row] = [(float(number), "good", "red", "no") for number in range(20)]
    paths = prepared(tmp_path, [table([*rows, (1e6, "good", "red", "no")])])
    settings = {"number": {"outliers": {"method": "iqr", "action": action}}, "max_quarantined": 0.5}
    content = clean.run(Clean.model_validate(settings), paths).numbers
    assert content["num_quarantined"] == (action == "quarantine")
    assert content["num_flagged"] == (action == "flag")
    outliers = storage.read_table(paths.flagged if action == "flag" else paths.quarantine("clean"))
    assert outliers.select("id", "_rule").rows() == [("20", "outlier")]
    assert content["outliers"]["size"]["high"] < 100


PEOPLE: dict[str, Kind] = {
    "email": ("category", "id"),
    "name": ("category", "id"),
    "age": ("number", "feature"),
    "town": ("category", "feature"),
    "label": ("category", "target"),
}
WHO = pl.DataFrame(
    {
        "email": ["ann@example.org", "bob@example.org", "ann@example.org"],
        "name": ["Ann Smith", "Bob Jones", "Ann Smith"],
        "age": [37.0, 42.0, 39.0],
        "town": ["Ulm", "Bonn", "Ulm"],
        "label": ["yes", "no", None],
    }
)


def test_personal_data_are_dropped_masked_hashed_and_made_coarser(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELWRIGHT_HASH_KEY", "0123456789abcdef0123456789abcdef")
    paths = prepared(tmp_path, [WHO], PEOPLE)
    columns = {
        "email": {"personal": "hash"},
        "name": {"personal": "mask"},
        "age": {"personal": "generalise", "generalise": {"width": 10}},
        "town": {"personal": "drop"},
    }
    settings = {"columns": columns, "max_quarantined": 0.5, "personal": {"k_anonymity": ["age"]}}
    content = clean.run(Clean.model_validate(settings), paths).numbers
    kept = storage.read_table(paths.clean("train"))
    assert kept.columns == ["email", "name", "age", "label"]
    assert kept["name"].to_list() == ["xxx xxxxx", "xxx xxxxx"]
    assert kept["age"].to_list() == [30.0, 40.0]
    assert [column.name for column in read_dataset(paths.cleaned).columns] == kept.columns
    assert content["k_anonymity"]["k"] == 1
    treated = {entry["column"]: entry["treatment"] for entry in content["personal"]}
    assert treated == {"email": "hash", "name": "mask"}
    assert "personal data" not in reports.clean(paths).figure
    clean.run(Clean(max_quarantined=0.5), paths)
    assert reports.clean(paths).figure.endswith("personal data in email, name")
    clean.run(Clean.model_validate(settings), paths)
    # Nothing that this stage leaves tells who it was: neither the rows that went, nor a report.
    quarantined = taken(paths)
    assert quarantined["age"].to_list() == [30.0]
    assert quarantined["email"][0] == kept["email"][0] != "ann@example.org"
    for file in (
        *paths.clean("train").glob("*"),
        *paths.quarantine("clean").glob("*"),
        paths.cleaning_report,
        paths.cleaned,
    ):
        assert not any(word in file.read_bytes() for word in (b"example.org", b"Smith", b"Bonn"))


def test_a_hash_needs_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MODELWRIGHT_HASH_KEY", raising=False)
    paths = prepared(tmp_path, [WHO], PEOPLE)
    with pytest.raises(UserError, match="MODELWRIGHT_HASH_KEY"):
        clean.run(Clean.model_validate({"columns": {"email": {"personal": "hash"}}}), paths)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"columns": {"colur": {"max": 1}}}, "clean: there is no column colur; did you mean colour?"),
        ({"personal": {"k_anonymity": ["town"]}}, "clean: there is no column town"),
        ({"columns": {"colour": {"max": 1}}}, "clean.columns.colour.max is for number columns, and colour is of type"),
        ({"columns": {"size": {"replace": {"a": "b"}}}}, "clean.columns.size.replace is for category and text columns"),
        ({"columns": {"label": {"personal": "drop"}}}, "clean.columns.label.personal: label is the target"),
        ({"columns": {"colour": {"personal": "hash"}}}, "clean.columns.colour.personal: hash: colour is a feature"),
        ({"columns": {"colour": {"personal": "mask"}}}, "clean.columns.colour.personal: mask: colour is a feature"),
    ],
)
def test_rules_that_do_not_fit_a_column_are_refused(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    paths = prepared(tmp_path, [table(GOOD)])
    with pytest.raises(UserError) as caught:
        clean.run(Clean.model_validate(settings), paths)
    assert str(caught.value).startswith(message)
    assert not paths.clean("train").exists()


def test_the_same_rows_leave_the_same_bytes(tmp_path: Path) -> None:
    contents = []
    for root in (tmp_path / "a", tmp_path / "b"):
        paths = prepared(root, [table(GOOD * 2).with_columns(id=pl.lit("0"))])
        clean.run(LENIENT, paths)
        contents.append({file.relative_to(root): file.read_bytes() for file in root.rglob("*") if file.is_file()})
    assert contents[0] == contents[1]
