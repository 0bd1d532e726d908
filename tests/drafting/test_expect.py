from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks import files
from tasks.drafting.expect import Redraft, redraft
from tasks.errors import UserError
from tasks.paths import Paths, Project
from tasks.tables import storage
from tasks.tables.dataset import Column, Dataset, SourceRecord, write_dataset
from tasks.tables.origins import PartOrigins, Run, UnreadCell, write_origins
from tasks.validation.expectations import draft_suite, read_suite

AGE = "expect_column_values_to_be_between(age)"
PLAN = "expect_column_values_to_be_in_set(plan)"
ROWS = pl.DataFrame({"age": [20.0, 30, 60], "plan": ["a", "b", "a"], "left": ["yes", "no", "no"]})
OLDER = ROWS.with_columns(pl.col("age") + 100)
PARAMS = """pipelines:
  churn:
    ingest: {source: {kind: table, path: rows.csv}, target: left}
    validate: {}
    clean: {}
    split: {}
    normalize: {}
    augment: {}
    train: {kind: sklearn, estimator: {kind: logistic_regression}}
    evaluate: {}
    register: {metric: accuracy}
"""


def dataset(rows: pl.DataFrame) -> Dataset:
    columns = tuple(
        Column(
            name=name,
            type="number" if rows[name].dtype == pl.Float64 else "category",
            role="target" if name == "left" else "feature",
        )
        for name in rows.columns
    )
    source = SourceRecord(kind="table", location="rows.csv", digest="1")
    return Dataset(columns=columns, task="binary", num_rows=rows.height, source=source)


def arrive(paths: Paths, rows: pl.DataFrame) -> None:
    write_dataset(paths.dataset, dataset(rows))
    storage.write_parts(paths.raw, [rows])


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    """A pipeline whose suite was drafted from ROWS, which have come in."""
    (tmp_path / "params.yaml").write_text(PARAMS)
    arrived = Project(root=tmp_path).pipeline("churn")
    arrive(arrived, ROWS)
    files.write_json(arrived.suite, draft_suite("churn", dataset(ROWS), [ROWS]))
    return arrived


def expect(paths: Paths, *, write: bool = False, retype: bool = False) -> Redraft:
    return redraft(paths.project, "churn", write=write, retype=retype)


def kinds(redrafted: Redraft) -> dict[str, str]:
    return {change.key: change.kind for change in redrafted.changes}


def entry(paths: Paths, type_and_column: str) -> dict[str, Any] | None:
    kind, column = type_and_column[:-1].split("(")
    for one in files.read_json(paths.suite)["expectations"]:
        if one["type"] == kind and one["kwargs"].get("column") == column:
            return dict(one)
    return None


def edit(paths: Paths, change: Any) -> None:
    content = files.read_json(paths.suite)
    change(content)
    files.write_json(paths.suite, content)


def without(key: str) -> Any:
    kind, column = key[:-1].split("(")

    def change(content: dict[str, Any]) -> None:
        content["expectations"] = [
            one for one in content["expectations"] if (one["type"], one["kwargs"].get("column")) != (kind, column)
        ]

    return change


def severity(key: str, value: str) -> Any:
    kind, column = key[:-1].split("(")

    def change(content: dict[str, Any]) -> None:
        for one in content["expectations"]:
            if (one["type"], one["kwargs"].get("column")) == (kind, column):
                one["severity"] = value

    return change


def test_the_same_data_change_nothing(paths: Paths) -> None:
    before = paths.suite.read_bytes()
    redrafted = expect(paths, write=True)
    assert redrafted.changes == ()
    assert redrafted.lines() == ["expectations/churn.json: as it would be drafted now"]
    assert paths.suite.read_bytes() == before


def test_a_difference_is_shown_and_nothing_written(paths: Paths) -> None:
    before = paths.suite.read_bytes()
    arrive(paths, OLDER)
    redrafted = expect(paths)
    assert kinds(redrafted) == {AGE: "changed"}
    assert "min_value 0, max_value 80; critical -> min_value 100, max_value 180; critical" in redrafted.lines()[1]
    assert "--write" in redrafted.lines()[-1]
    assert paths.suite.read_bytes() == before


def test_what_nobody_touched_is_updated(paths: Paths) -> None:
    edit(paths, lambda content: content["expectations"][2].update(notes="people"))
    arrive(paths, OLDER)
    assert expect(paths, write=True).written
    updated = entry(paths, AGE)
    assert updated is not None
    assert updated["kwargs"]["max_value"] == 180.0
    assert updated["notes"] == "people"
    assert expect(paths).changes == ()
    read_suite(paths.suite)


def test_what_a_person_edited_is_kept_again_and_again(paths: Paths) -> None:
    edit(paths, severity(AGE, "warning"))
    arrive(paths, OLDER)
    for _ in range(2):
        assert kinds(expect(paths, write=True)) == {AGE: "edited"}
        kept = entry(paths, AGE)
        assert kept is not None
        assert (kept["severity"], kept["kwargs"]["max_value"]) == ("warning", 80.0)


def test_what_a_person_took_out_stays_out(paths: Paths) -> None:
    edit(paths, without(PLAN))
    for _ in range(2):
        assert kinds(expect(paths, write=True)) == {PLAN: "left out"}
        assert entry(paths, PLAN) is None


def test_a_new_column_gets_its_expectations(paths: Paths) -> None:
    arrive(paths, ROWS.with_columns(size=pl.Series([1.0, 2, 3])))
    redrafted = expect(paths, write=True)
    assert kinds(redrafted) == {
        "expect_table_columns_to_match_set": "changed",
        "expect_column_values_to_be_between(size)": "new",
        "expect_column_values_to_not_be_null(size)": "new",
    }
    assert entry(paths, "expect_column_values_to_be_between(size)") is not None
    assert expect(paths).changes == ()


def test_a_column_that_is_gone_takes_its_untouched_expectations_along(paths: Paths) -> None:
    edit(paths, severity(AGE, "warning"))
    arrive(paths, ROWS.drop("plan", "age"))
    redrafted = expect(paths, write=True)
    assert kinds(redrafted)[PLAN] == "dropped"
    assert kinds(redrafted)[AGE] == "edited"
    assert entry(paths, PLAN) is None
    assert entry(paths, AGE) is not None
    arrive(paths, ROWS)
    assert kinds(expect(paths))[PLAN] == "new"


def test_a_persons_own_expectation_is_none_of_its_business(paths: Paths) -> None:
    own = {"type": "expect_column_mean_to_be_between", "kwargs": {"column": "age", "max_value": 50}}
    edit(paths, lambda content: content["expectations"].append(own))
    assert expect(paths, write=True).changes == ()
    assert entry(paths, "expect_column_mean_to_be_between(age)") == own


def test_a_suite_from_before_drafts_were_remembered_is_treated_as_edited(paths: Paths) -> None:
    edit(paths, lambda content: content.pop("drafted"))
    edit(paths, without(PLAN))
    arrive(paths, OLDER.with_columns(size=pl.Series([1.0, 2, 3])))
    for _ in range(2):
        by_key = kinds(expect(paths, write=True))
        assert by_key[AGE] == "edited"
        assert by_key[PLAN] == "left out"
        kept = entry(paths, AGE)
        assert kept is not None
        assert kept["kwargs"]["max_value"] == 80.0
        assert entry(paths, PLAN) is None
    assert entry(paths, "expect_column_values_to_be_between(size)") is not None


def test_a_type_changes_only_when_that_is_asked_for(paths: Paths) -> None:
    before = entry(paths, AGE)
    arrive(paths, ROWS.with_columns(age=pl.Series(["20", "n/a", "60"]), plan=pl.Series(["a", "b", "c"])))
    redrafted = expect(paths, write=True)
    assert kinds(redrafted) == {PLAN: "changed"}
    assert redrafted.retyped == {"age": ("number", "category")}
    assert "write ingest.columns.age.type: number in params.yaml" in redrafted.lines()[-1]
    assert entry(paths, AGE) == before
    # And again: nothing of the new type has been remembered.
    assert (expect(paths).changes, expect(paths, write=True).written) == ((), False)
    of_age = "expect_column_values_to_be_in_set(age)"
    assert kinds(expect(paths, write=True, retype=True)) == {
        AGE: "dropped",
        "expect_column_values_to_not_be_null(age)": "dropped",
        of_age: "new",
    }
    assert entry(paths, of_age) is not None
    assert expect(paths).lines() == ["expectations/churn.json: as it would be drafted now"]


def test_what_a_person_expects_of_a_retyped_column_stays_that_persons(paths: Paths) -> None:
    edit(paths, severity(AGE, "warning"))
    arrive(paths, ROWS.with_columns(age=pl.Series(["20", "n/a", "60"])))
    expect(paths, write=True)
    arrive(paths, OLDER)
    assert kinds(expect(paths, write=True)) == {AGE: "edited"}


def test_rows_with_a_cell_that_could_not_be_read_say_nothing(paths: Paths) -> None:
    arrive(paths, pl.concat([ROWS, ROWS[:1].with_columns(age=None, plan=pl.lit("z"))]))
    run = Run(row=0, file="rows.csv", number=2, in_lines=True)
    unread = UnreadCell(row=3, column="age", cell="n/a")
    write_origins(storage.part_files(paths.raw)[0], PartOrigins(runs=(run,), unread=(unread,)))
    assert expect(paths).changes == ()


def test_a_third_class_of_a_binary_target_is_told_and_not_taken_over(paths: Paths) -> None:
    arrive(paths, pl.concat([ROWS, ROWS[:1].with_columns(left=pl.lit("maybe"))]))
    params = paths.project.params
    params.write_text(PARAMS.replace("target: left", "target: left, task: binary"))
    result = expect(paths, write=True)
    assert (result.changes, result.new_classes) == ((), ("maybe",))
    assert "the target has 'maybe' besides in the data: its two classes stay" in "\n".join(result.lines())
    # The advice works.
    params.write_text(PARAMS.replace("target: left", "target: left, task: multiclass"))
    assert kinds(expect(paths, write=True)) == {"expect_column_values_to_be_in_set(left)": "changed"}


def test_without_data_the_source_is_read(paths: Paths) -> None:
    files.remove(paths.data)
    ROWS.write_csv(paths.project.root / "rows.csv")
    assert expect(paths).suite == "expectations/churn.json"
    assert not paths.data.exists()


def test_a_pipeline_that_is_not_there_is_a_users_mistake(paths: Paths) -> None:
    with pytest.raises(UserError, match="chrun"):
        redraft(paths.project, "chrun")
