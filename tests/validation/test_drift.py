from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks import files
from tasks.errors import UserError
from tasks.params.validate import Drift
from tasks.tables.dataset import Column, Dataset, SourceRecord
from tasks.validation.accepted import NUM_REMEMBERED, Accepted, empty, read_accepted, write_accepted
from tasks.validation.data_profile import ColumnProfile, DataProfile, profile_of
from tasks.validation.drift import drift

TYPES = {
    "age": "number",
    "plan": "category",
    "active": "boolean",
    "note": "text",
    "since": "timestamp",
    "id": "number",
    "seen": "timestamp",
}
ROLES = {"id": "id", "seen": "time"}
ROWS = pl.DataFrame(
    {
        "age": [20.0, 30, 60, 40],
        "plan": ["a", "b", "a", "a"],
        "active": [True, False, True, None],
        "note": ["hello", "a longer one", "x", None],
        "since": [dt.datetime(2024, 1, day) for day in (1, 2, 3, 11)],
        "id": [1.0, 2, 3, 4],
        "seen": [dt.datetime(2024, 1, day) for day in (1, 2, 3, 4)],
    },
    schema_overrides={"since": pl.Datetime("us"), "seen": pl.Datetime("us")},
)


def profile(rows: pl.DataFrame = ROWS, digest: str = "1", **types: str) -> DataProfile:
    columns = [
        {"name": name, "type": types.get(name, TYPES.get(name, "category")), "role": ROLES.get(name, "feature")}
        for name in rows.columns
    ]
    dataset = Dataset(
        columns=tuple(map(Column.model_validate, columns)),
        task="binary",
        num_rows=rows.height,
        source=SourceRecord(kind="table", location="rows.csv", digest=digest),
    )
    return profile_of(dataset, [rows[: rows.height // 3], rows[rows.height // 3 :]])


def warnings(incoming: DataProfile, config: Drift | None = None) -> list[dict[str, Any]]:
    return drift(config or Drift(), incoming, Accepted().after(profile()))


def kinds(rows: pl.DataFrame, **settings: Any) -> list[tuple[str, str | None]]:
    found = warnings(profile(rows, "2"), Drift(**settings))
    return [(entry["kind"], entry["column"]) for entry in found]


def test_a_profile_is_the_same_however_the_rows_are_cut() -> None:
    assert profile(pl.concat([ROWS] * 3)).columns == profile(pl.concat([ROWS, ROWS, ROWS]).rechunk()).columns
    found = profile().columns
    assert (found["age"].minimum, found["age"].maximum, found["age"].mean) == (20.0, 60.0, 37.5)
    assert found["plan"].categories == {"a": 3, "b": 1}
    assert found["active"].categories == {"true": 2, "false": 1}
    assert found["active"].missing == 0.25
    assert (found["note"].shortest, found["note"].longest) == (1, 12)
    assert found["since"].maximum == "2024-01-11T00:00:00"


def test_nothing_is_said_of_the_values_of_ids_and_times() -> None:
    found = profile().columns
    assert found["id"].minimum is None
    assert found["seen"].maximum is None
    assert kinds(ROWS.with_columns(pl.col("id") + 1000, pl.col("seen") + dt.timedelta(days=900))) == []


def test_like_data_are_no_drift() -> None:
    assert warnings(profile(ROWS.reverse(), "2")) == []


def test_nothing_was_accepted_yet() -> None:
    assert drift(Drift(), profile(), Accepted()) == []


def test_drift_can_be_switched_off() -> None:
    assert kinds(ROWS.with_columns(pl.lit("z").alias("plan")), enabled=False) == []


@pytest.mark.parametrize(
    ("changed", "kind", "said"),
    [
        (
            pl.Series("plan", ["a", "b", "c", "c"]),
            "new_category",
            "plan has values that were not there: c (2 rows); 50.0%",
        ),
        (pl.Series("age", [20.0, 64.1, 30, 30]), "range", "age goes up to 64.1, and went up to 60"),
        (pl.Series("age", [15.9, 60, 30, 30]), "range", "age goes down to 15.9, and went down to 20"),
        (pl.Series("age", [20.0, None, 30, 30]), "missing", "age is missing in 25.0% of the rows, and was in 0.0%"),
        (
            ROWS["since"] + dt.timedelta(days=2),
            "range",
            "since goes up to 2024-01-13T00:00:00, and went up to 2024-01-11",
        ),
    ],
)
def test_a_column_that_drifts_is_named_with_its_numbers(changed: pl.Series, kind: str, said: str) -> None:
    (entry,) = warnings(profile(ROWS.with_columns(changed), "2"))
    assert entry["kind"] == kind
    assert said in entry["sentence"]
    json.dumps(entry, allow_nan=False)


def test_within_the_thresholds_nothing_is_said() -> None:
    changed = ROWS.with_columns(pl.Series("age", [16.5, 63.5, None, 30]), pl.Series("plan", ["a", "b", "c", "a"]))
    assert kinds(changed, missing=0.3, new_category=0.25) == []


def test_columns_come_go_and_change_their_type() -> None:
    incoming = profile(ROWS.drop("note").with_columns(pl.lit("x").alias("extra")), "2", plan="text")
    found = {(entry["kind"], entry["column"]) for entry in warnings(incoming)}
    assert found == {("gone_column", "note"), ("new_column", "extra"), ("type", "plan")}


@pytest.mark.parametrize(("num_rows", "warned"), [(1, True), (2, False), (8, False), (9, True)])
def test_far_more_or_fewer_rows_than_usual(num_rows: int, warned: bool) -> None:
    rows = pl.concat([ROWS] * 3)[:num_rows] if num_rows > 4 else ROWS[[1, 0, 2, 3][:num_rows]]
    found = warnings(profile(rows, "2"))
    assert [entry["sentence"] for entry in found if entry["kind"] == "rows"] == (
        [f"{num_rows} rows came in, where 4 are usual"] if warned else []
    )


def test_the_same_data_again_leave_the_same_bytes_and_the_same_warnings(tmp_path: Path) -> None:
    path = tmp_path / "churn.accepted.json"
    old, new = profile(), profile(ROWS.with_columns(pl.lit("z").alias("plan")), "2")
    files.write_json(path, empty())
    write_accepted(path, read_accepted(path).after(old))
    said = drift(Drift(), new, read_accepted(path))
    write_accepted(path, read_accepted(path).after(new))
    before, written = path.read_bytes(), path.stat().st_mtime_ns
    assert drift(Drift(), new, read_accepted(path)) == said != []
    write_accepted(path, read_accepted(path).after(new))
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (before, written)
    assert read_accepted(path).num_rows_history == (4, 4)


def test_only_so_many_row_counts_are_remembered() -> None:
    accepted = Accepted()
    for number in range(NUM_REMEMBERED + 5):
        accepted = accepted.after(profile(digest=str(number)))
    assert len(accepted.num_rows_history) == NUM_REMEMBERED
    assert accepted.after(profile(digest=str(NUM_REMEMBERED + 4))) == accepted


def test_a_file_that_nobody_wrote_so_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "churn.accepted.json"
    path.write_text('{"version": 2}')
    with pytest.raises(UserError, match=r"churn.accepted.json: not as validate writes it; take it back from git"):
        read_accepted(path)
    assert read_accepted(tmp_path / "none.json") == Accepted()


def test_what_was_accepted_before_is_read_by_the_names_it_had() -> None:
    assert ColumnProfile.model_validate({"type": "number", "missing": 0.0, "deviation": 2.5}).std == 2.5
