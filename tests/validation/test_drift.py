from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.errors import UserError
from tasks.params.validate import Drift
from tasks.tables.dataset import Column, Dataset, SourceRecord
from tasks.validation.accepted import NUM_REMEMBERED, Accepted, read_accepted, write_accepted
from tasks.validation.bins import Bins
from tasks.validation.data_profile import ColumnProfile, DataProfile, ProfileState
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
FOUR = pl.DataFrame(
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
ROWS = pl.concat([FOUR] * 25)
"""A hundred, as fewer rows hardly say anything beyond chance."""


def state(rows: pl.DataFrame = ROWS, digest: str = "1", **types: str) -> ProfileState:
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
    making = ProfileState(dataset)
    making.add(rows[: rows.height // 3])
    making.add(rows[rows.height // 3 :])
    return making


def profile(rows: pl.DataFrame = ROWS, digest: str = "1", **types: str) -> DataProfile:
    return state(rows, digest, **types).profile()


def warned(incoming: ProfileState, accepted: Accepted, config: Drift | None = None) -> list[dict[str, Any]]:
    return drift(config or Drift(), incoming.profile(), incoming.histograms(), accepted)


def warnings(incoming: ProfileState, config: Drift | None = None) -> list[dict[str, Any]]:
    return warned(incoming, Accepted().after(profile()), config)


def kinds(rows: pl.DataFrame, **settings: Any) -> list[tuple[str, str | None]]:
    found = warnings(state(rows, "2"), Drift(**settings))
    return [(entry["kind"], entry["column"]) for entry in found]


def test_a_profile_is_the_same_however_the_rows_are_cut() -> None:
    assert profile(pl.concat([FOUR] * 3)).columns == profile(pl.concat([FOUR, FOUR, FOUR]).rechunk()).columns
    found = profile(FOUR).columns
    assert (found["age"].minimum, found["age"].maximum, found["age"].mean) == (20.0, 60.0, 37.5)
    assert found["plan"].categories == {"a": 3, "b": 1}
    assert found["active"].categories == {"true": 2, "false": 1}
    assert found["active"].missing == 0.25
    assert (found["note"].shortest, found["note"].longest) == (1, 12)
    assert found["note"].mean == 6
    assert found["age"].bins == Bins(edges=(24.0, 32.0, 48.0), counts=(1, 1, 1, 1))
    assert found["since"].maximum == "2024-01-11T00:00:00"


def test_nothing_is_said_of_the_values_of_ids_and_times() -> None:
    found = profile().columns
    assert found["id"].minimum is None
    assert found["id"].bins is None
    assert found["seen"].maximum is None
    assert kinds(ROWS.with_columns(pl.col("id") + 1000, pl.col("seen") + dt.timedelta(days=900))) == []


def test_like_data_are_no_drift() -> None:
    assert warnings(state(ROWS.reverse(), "2")) == []


def test_nothing_was_accepted_yet() -> None:
    assert warned(state(), Accepted()) == []


def test_drift_can_be_switched_off() -> None:
    assert kinds(ROWS.with_columns(pl.lit("z").alias("plan")), enabled=False) == []


@pytest.mark.parametrize(
    ("changed", "kind", "said"),
    [
        (
            pl.Series("plan", ["a", "b", "c", "a"] * 25),
            "new_category",
            "plan has values that were not there: c (25 rows); 25.0 %",
        ),
        (pl.Series("age", [20.0, 64.1, 30, 40] * 25), "range", "age goes up to 64.1, and went up to 60"),
        (pl.Series("age", [15.9, 60, 30, 40] * 25), "range", "age goes down to 15.9, and went down to 20"),
        (
            pl.Series("age", ([None] * 4 + [20.0, 60, 30, 40] * 4) * 5),
            "missing",
            "age is missing in 20.0 % of the rows, and was in 0.0 %",
        ),
        (
            pl.Series("active", [True, True, True, None] * 25),
            "distribution",
            "active is distributed otherwise: true is in 100.0 % of the rows, and was in 66.7 %; false is in 0.0 % of "
            "the rows, and was in 33.3 %; 33 % of the rows would have to be others",
        ),
        (
            pl.Series("age", [20.0, 30, 60, 60] * 25),
            "distribution",
            "age has mean 42.5 with standard deviation 17.9435, and had 37.5 with standard deviation 14.8647; 25 % of "
            "the rows lie elsewhere",
        ),
        (
            pl.Series("note", ["hello", "a longer one", "hello", None] * 25),
            "distribution",
            "note has lengths of mean 7.33333 with standard deviation 3.3",
        ),
        (
            ROWS["since"] + dt.timedelta(days=2),
            "range",
            "since goes up to 2024-01-13T00:00:00, and went up to 2024-01-11",
        ),
    ],
)
def test_a_column_that_drifts_is_named_with_its_numbers(changed: pl.Series, kind: str, said: str) -> None:
    (entry,) = warnings(state(ROWS.with_columns(changed), "2"))
    assert entry["kind"] == kind
    assert said in entry["sentence"]
    json.dumps(entry, allow_nan=False)


def test_within_the_thresholds_nothing_is_said() -> None:
    changed = ROWS.with_columns(
        pl.Series("age", [16.5, 63.5, None, 30] * 25), pl.Series("plan", ["a", "b", "c", "a"] * 25)
    )
    assert kinds(changed, missing=0.3, new_category=0.25, distribution=0.5) == []
    assert {kind for kind, _ in kinds(changed)} == {"missing", "new_category", "distribution"}


def test_what_may_be_by_chance_is_not_told() -> None:
    """Limits are passed by far, but by too few rows to say anything."""
    odd = FOUR.with_columns(pl.Series("age", [900.0, None, 30, 30]), pl.Series("plan", [*"caaa"]))
    assert warnings(state(odd, "2"), Drift(rows=0.01)) == []


def test_columns_that_change_and_may_are_left_out() -> None:
    changed = ROWS.with_columns(pl.col("age") + 1000, pl.lit("z").alias("plan"))
    assert {column for _, column in kinds(changed)} == {"age", "plan"}
    assert {column for _, column in kinds(changed, ignore=("age",))} == {"plan"}
    assert kinds(ROWS.drop("age"), ignore=("age",)) == [("gone_column", "age")]
    with pytest.raises(UserError, match=r"validate.drift.ignore: there is no column agee; did you mean age\?"):
        kinds(changed, ignore=("agee",))


def test_a_new_category_is_told_once_and_what_else_changed_beside_it() -> None:
    new = ROWS.with_columns(pl.Series("plan", ["a", "a", "a", "b", "c"] * 20))
    assert kinds(new) == [("new_category", "plan")]
    moved = ROWS.with_columns(pl.Series("plan", ["b", "b", "a", "b", "c"] * 20))
    assert kinds(moved) == [("new_category", "plan"), ("distribution", "plan")]


def test_what_an_earlier_version_accepted_has_no_distributions_and_is_compared_by_the_rest() -> None:
    old = profile().model_dump(mode="json")
    for column in old["columns"].values():
        del column["bins"]
    accepted = Accepted().after(DataProfile.model_validate(old))
    moved = ROWS.with_columns(pl.Series("age", [60.0, 60, 60, 60] * 25), pl.Series("plan", ["b"] * 100))
    assert [(one["kind"], one["column"]) for one in warned(state(moved, "2"), accepted)] == [("distribution", "plan")]
    beyond = state(ROWS.with_columns(pl.col("age") + 1000), "2")
    assert [(one["kind"], one["column"]) for one in warned(beyond, accepted)] == [("range", "age")]


def test_columns_come_go_and_change_their_type() -> None:
    incoming = state(ROWS.drop("note").with_columns(pl.lit("x").alias("extra")), "2", plan="text")
    found = {(entry["kind"], entry["column"]) for entry in warnings(incoming)}
    assert found == {("gone_column", "note"), ("new_column", "extra"), ("type", "plan")}


@pytest.mark.parametrize(("num_rows", "is_told"), [(49, True), (50, False), (200, False), (201, True)])
def test_far_more_or_fewer_rows_than_usual(num_rows: int, is_told: bool) -> None:
    found = warnings(state(pl.concat([ROWS] * 3)[:num_rows], "2"))
    sentences = [f"{num_rows} rows came in, where 100 are usual"] if is_told else []
    assert [entry["sentence"] for entry in found] == sentences


def test_the_same_data_again_leave_the_same_bytes_and_the_same_warnings(tmp_path: Path) -> None:
    path = tmp_path / "accepted.json"
    old, new = state(), state(ROWS.with_columns(pl.lit("z").alias("plan")), "2")
    write_accepted(path, read_accepted(path).after(old.profile()))
    said = warned(new, read_accepted(path))
    write_accepted(path, read_accepted(path).after(new.profile()))
    before = path.read_bytes()
    assert warned(new, read_accepted(path)) == said != []
    write_accepted(path, read_accepted(path).after(new.profile()))
    assert path.read_bytes() == before
    assert read_accepted(path).num_rows_history == (100, 100)


def test_only_so_many_row_counts_are_remembered() -> None:
    accepted = Accepted()
    for number in range(NUM_REMEMBERED + 5):
        accepted = accepted.after(profile(digest=str(number)))
    assert len(accepted.num_rows_history) == NUM_REMEMBERED
    assert accepted.after(profile(digest=str(NUM_REMEMBERED + 4))) == accepted


def test_a_file_that_nobody_wrote_so_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "accepted.json"
    path.write_text('{"version": 2}')
    with pytest.raises(UserError, match=r"accepted.json: damaged, .*; take the last one back \(`dvc "):
        read_accepted(path)
    assert read_accepted(tmp_path / "none.json") == Accepted()


def test_what_an_earlier_version_kept_in_git_is_taken_over(tmp_path: Path) -> None:
    new, old = tmp_path / "accepted.json", tmp_path / "churn.accepted.json"
    write_accepted(old, Accepted().after(profile(digest="1")))
    assert read_accepted(new, old).num_rows_history == (100,)
    write_accepted(new, read_accepted(new, old).after(profile(digest="2")))
    assert read_accepted(new, old).num_rows_history == (100, 100)
    assert read_accepted(old).num_rows_history == (100,)


def test_what_was_accepted_before_is_read_by_the_names_it_had() -> None:
    assert ColumnProfile.model_validate({"type": "number", "missing": 0.0, "deviation": 2.5}).std == 2.5
