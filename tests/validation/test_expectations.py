from __future__ import annotations

import json
from contextlib import closing
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tasks.columns import column_type
from tasks.errors import UserError
from tasks.tables import storage
from tasks.tables.dataset import Column, Dataset, SourceRecord
from tasks.validation.expectations import check_columns, check_types, draft_suite, read_suite
from tasks.validation.gx.examination import Examination
from tasks.validation.suite_file import KNOWN_TYPES
from tasks.validation.whole_columns import WholeColumns


def dataset(task: str = "binary", **columns: tuple[str, str]) -> Dataset:
    return Dataset.model_validate(
        {
            "columns": [Column.model_validate({"name": n, "type": t, "role": r}) for n, (t, r) in columns.items()],
            "task": task,
            "num_rows": 4,
            "source": SourceRecord(kind="table", location="rows.csv", digest="1"),
        }
    )


CHURN = dataset(id=("number", "id"), age=("number", "feature"), left=("category", "target"))
ROWS = pl.DataFrame({"id": [1.0, 2, 3, 4], "age": [20.0, 30, 40, 50], "left": ["yes", "no", "no", None]})


def write(path: Path, content: Any) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def suite_of(**entry: Any) -> dict[str, Any]:
    return {"name": "churn", "expectations": [entry]}


def about(drafted: dict[str, Any], column: str) -> dict[str, dict[str, Any]]:
    return {entry["type"]: entry for entry in drafted["expectations"] if entry["kwargs"].get("column") == column}


def test_a_drafted_suite_can_be_read(tmp_path: Path) -> None:
    drafted = draft_suite("churn", CHURN, [ROWS])
    suite = read_suite(write(tmp_path / "churn.json", drafted))
    assert suite.name == "churn"
    assert [rule.type for rule in suite.rules] == [entry["type"] for entry in drafted["expectations"]]
    check_columns(tmp_path, suite, ROWS.columns)


def test_a_draft_fixes_the_columns_and_the_classes() -> None:
    drafted = draft_suite("churn", CHURN, [ROWS])
    table = {entry["type"]: entry for entry in drafted["expectations"] if "column" not in entry["kwargs"]}
    assert table["expect_table_columns_to_match_set"]["kwargs"]["column_set"] == ["id", "age", "left"]
    assert table["expect_table_row_count_to_be_between"]["kwargs"] == {"min_value": 1}
    target = about(drafted, "left")
    assert target["expect_column_values_to_be_in_set"]["kwargs"]["value_set"] == ["no", "yes"]
    assert target["expect_column_values_to_be_in_set"]["severity"] == "critical"
    assert target["expect_column_values_to_not_be_null"]["severity"] == "warning"


def test_a_draft_says_nothing_of_the_values_of_an_id() -> None:
    drafted = draft_suite("churn", CHURN, [ROWS])
    assert about(drafted, "id") == {}
    assert about(drafted, "age")


def test_a_regression_target_is_checked_by_its_range() -> None:
    drafted = draft_suite(
        "price", dataset("regression", price=("number", "target")), [pl.DataFrame({"price": [1.0, 2]})]
    )
    assert about(drafted, "price").keys() == {
        "expect_column_values_to_be_between",
        "expect_column_values_to_not_be_null",
    }


def test_the_same_data_draft_the_same_suite_however_they_are_cut() -> None:
    assert draft_suite("churn", CHURN, [ROWS]) == draft_suite("churn", CHURN, [ROWS[:1], ROWS[1:]])


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "number": st.floats(allow_nan=False, allow_infinity=False) | st.integers(10**12, 10**12 + 2).map(float),
    "timestamp": st.datetimes(min_value=datetime(1700, 1, 1), max_value=datetime(2200, 1, 1)),
    "category": st.text(max_size=3),
    "text": st.text(max_size=30),
    "boolean": st.booleans(),
}
TABLES = st.lists(
    st.tuples(*(st.none() | values for values in VALUES.values()), st.sampled_from(["no", "yes"])),
    min_size=1,
    max_size=6,
)


@settings(max_examples=40, deadline=None)
@given(rows=TABLES)
@example(rows=[(20230301181139.0, None, None, None, None, "no")] * 3)
@pytest.mark.filterwarnings("ignore")
def test_a_drafted_suite_passes_on_the_rows_it_was_drafted_from(rows: list[tuple[Any, ...]]) -> None:
    columns = {name: (name, "feature") for name in VALUES} | {"y": ("category", "target")}
    schema = {name: column_type(kind).dtype for name, (kind, _) in columns.items()}  # type: ignore[arg-type]
    table = pl.DataFrame(rows, schema=schema, orient="row")
    with TemporaryDirectory() as folder:
        storage.write_parts(Path(folder) / "raw", [table])
        file = write(Path(folder) / "drafted.json", draft_suite("mine", dataset(**columns), [table]))
        with closing(WholeColumns(Path(folder))) as whole:
            examination = Examination(Path(folder) / "raw", read_suite(file), "drafted.json", whole)
            list(examination.parts())
            findings, _ = examination.verdict()
    # Texts are said to be present though some are missing: that only warns.
    assert [
        finding.rule.label for finding in findings if not finding.success and finding.rule.severity == "critical"
    ] == []


def test_values_of_another_kind_than_at_the_draft_are_refused(tmp_path: Path) -> None:
    suite = read_suite(write(tmp_path / "churn.json", draft_suite("churn", CHURN, [ROWS])))
    check_types(tmp_path, suite, CHURN)
    retyped = dataset(id=("number", "id"), age=("text", "feature"), left=("text", "target"))
    with pytest.raises(UserError, match=r"age was of type number, and is text .* ingest\.columns\.age\.type: number"):
        check_types(tmp_path, suite, retyped)
    # Words are words, whether few or many.
    check_types(tmp_path, suite, dataset(age=("number", "feature"), left=("text", "target"), new=("text", "feature")))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "churn.json:1: not JSON"),
        ("[]", "must be an object with a list"),
        ('{"expectations": [{"type": "expect_column_to_exist", "kwargs": {"column": NaN}}]}', "NaN is no JSON number"),
        ({"expectations": [], "nme": "churn"}, "nme is unknown; did you mean name?"),
        (suite_of(type="expect_column_values_to_be_betwen"), "did you mean expect_column_values_to_be_between?"),
        (suite_of(type="nonsense"), "nonsense is no expectation that is known; https://"),
        (suite_of(type="expect_column_to_exist", severty="critical"), "severty is unknown; did you mean severity?"),
        ({"expectations": [], "drafted": 3}, "drafted must be an object"),
        ({"expectations": [], "types": {"age": "nmber"}}, "types must name the type of each column"),
        (suite_of(type="expect_column_to_exist", severity="fatal"), "write critical or warning"),
        (suite_of(type="expect_column_to_exist", kwargs=[]), "kwargs must be an object, not []"),
        (suite_of(kwargs={}), "expectation 1: must be an object such as"),
    ],
)
def test_a_mistake_in_the_suite_is_named(tmp_path: Path, content: Any, said: str) -> None:
    with pytest.raises(UserError) as error:
        read_suite(write(tmp_path / "churn.json", content))
    assert said in str(error.value)


def test_a_suite_that_is_missing_is_drafted_by_expect(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="`modelwright expect churn --write` drafts one"):
        read_suite(tmp_path / "churn.json")


@pytest.mark.parametrize(
    "kwargs",
    [{"column": "agee"}, {"column_A": "age", "column_B": "agee"}, {"column_list": ["age", "agee"]}],
)
def test_a_column_that_is_gone_is_named(tmp_path: Path, kwargs: dict[str, Any]) -> None:
    entry = suite_of(type="expect_compound_columns_to_be_unique", kwargs=kwargs)
    suite = read_suite(write(tmp_path / "churn.json", entry))
    with pytest.raises(UserError, match=r"expectation 1 .* about the column 'agee'.*did you mean age\?.*take the"):
        check_columns(tmp_path / "churn.json", suite, ["age", "left"])


def test_the_known_types_are_those_of_great_expectations() -> None:
    import great_expectations  # noqa: F401  registers them
    from great_expectations.expectations.registry import list_registered_expectation_implementations

    need_sql = {"expect_query_results_to_match_comparison", "expect_table_row_count_to_equal_other_table"}
    registered = {name for name in list_registered_expectation_implementations() if name.startswith("expect_")}
    assert registered - need_sql == KNOWN_TYPES
