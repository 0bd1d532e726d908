"""What polars says of a row is what Great Expectations says of it, for values and limits that are hard to compare."""

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks.tables import storage
from tasks.validation.expectations import Rule
from tasks.validation.gx.checks import make_check
from tasks.validation.gx.merged import counting
from tasks.validation.gx.parts import PartEngine
from tasks.validation.gx.rows import ByCondition, ByExpression, row_by_row
from tasks.validation.gx.table import PartedTable
from tasks.validation.row_expressions import failing

pytestmark = pytest.mark.filterwarnings("ignore")

NUMBERS = [
    *(None, math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, math.nextafter(1.0, 2), math.nextafter(1.0, 0), 0.1 + 0.2),
    *(0.3, 2.0**53, 2.0**53 + 2, -1e308, 5e-324, 3.0),
]
TEXTS = [None, "", "a", "A", " a", "ä", "ä", "👩‍👧", "aa", "1", "nan", "None", "\x00", "ß", "a\n", "3.0"]
TIMES = [None, *(dt.datetime(2024, 1, 31) + dt.timedelta(microseconds=count) for count in range(-7, 8))]
TABLE = pl.DataFrame(
    {"x": NUMBERS, "text": TEXTS, "time": TIMES, "flag": [True, False, None, True] * 4},
    schema_overrides={"time": pl.Datetime("us")},
)

BY_POLARS: list[tuple[str, dict[str, Any]]] = [
    *(("expect_column_values_to_not_be_null", {"column": column}) for column in TABLE.columns),
    *(("expect_column_values_to_be_null", {"column": column, "mostly": 0.5}) for column in TABLE.columns),
    *(
        ("expect_column_values_to_be_between", {"column": "x", **limits})
        for limits in (
            {"min_value": 1},
            {"max_value": 1},
            {"min_value": 0, "max_value": 1},
            {"min_value": 0, "max_value": 1, "strict_min": True, "strict_max": True},
            {"min_value": 0.3, "max_value": 0.3},
            {"min_value": -0.0, "max_value": 0.0},
            {"min_value": 2**53 + 1},
            {"min_value": -(10**300), "max_value": 10**300},
        )
    ),
    *(
        ("expect_column_values_to_be_between", {"column": "time", **limits})
        for limits in (
            {"min_value": "2024-01-31T00:00"},
            {"max_value": "2024-01-31T00:00:00.000003", "strict_max": True},
            {"min_value": "2024-01-30 23:59", "max_value": "2024-01-31 00:00:00.000001"},
        )
    ),
    *(
        (f"expect_column_values_to_{be}_in_set", {"column": column, "value_set": values})
        for be in ("be", "not_be")
        for column, values in (
            ("text", ["a", "ä", "", "\x00", "a\n"]),
            ("text", ["z"]),
            ("x", [1, 0.3, 2**53 + 1, -0.0]),
        )
    ),
    ("expect_column_value_lengths_to_be_between", {"column": "text", "min_value": 1, "max_value": 2}),
    ("expect_column_value_lengths_to_be_between", {"column": "text", "min_value": 1, "strict_min": True}),
    ("expect_column_value_lengths_to_equal", {"column": "text", "value": 1}),
]

OF_GREAT_EXPECTATIONS: list[tuple[str, dict[str, Any]]] = [
    ("expect_column_values_to_be_between", {"column": "time", "min_value": "31 January 2024"}),
    ("expect_column_values_to_be_between", {"column": "text", "min_value": "a"}),
    ("expect_column_values_to_be_between", {"column": "x", "min_value": 2, "max_value": 1}),
    ("expect_column_values_to_be_between", {"column": "x", "min_value": "2024-01-31"}),
    ("expect_column_values_to_be_between", {"column": "x"}),
    ("expect_column_values_to_be_in_set", {"column": "x", "value_set": ["1"]}),
    ("expect_column_values_to_be_in_set", {"column": "text", "value_set": ["1", 1]}),
    ("expect_column_values_to_be_in_set", {"column": "flag", "value_set": [True]}),
    ("expect_column_values_to_be_in_set", {"column": "x", "value_set": [True]}),
    ("expect_column_values_to_match_regex", {"column": "text", "regex": "a"}),
    (
        "expect_column_values_to_not_be_null",
        {"column": "x", "row_condition": "flag == True", "condition_parser": "pandas"},
    ),
]


def rule_of(kind: str, kwargs: dict[str, Any]) -> Rule:
    return Rule(number=1, type=kind, kwargs=kwargs, severity="critical")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> PartedTable:
    folder = tmp_path_factory.mktemp("table")
    storage.write_parts(folder, [TABLE])
    return PartedTable(folder)


@pytest.mark.parametrize(("kind", "kwargs"), BY_POLARS, ids=[str(number) for number in range(len(BY_POLARS))])
def test_the_same_rows_fail(table: PartedTable, kind: str, kwargs: dict[str, Any]) -> None:
    check = make_check(rule_of(kind, kwargs), table.schema_engine(), "suite")
    finder = row_by_row(check, table)
    assert isinstance(finder, ByExpression)
    assert check.condition is not None
    values, aborted = PartEngine(table.pandas(TABLE)).compute([*check.metrics.values(), check.condition])
    assert not aborted
    assert np.array_equal(finder.find({}, TABLE, 0), ByCondition(check.condition).find(values, TABLE, 0))
    counted = {metric.id: counting(metric, table.types) for metric in check.metrics.values()}
    by_polars = {key: count for key, count in counted.items() if count is not None}
    assert by_polars
    for key, count in by_polars.items():
        assert TABLE.select(count).item() == values[key]


@pytest.mark.parametrize(("kind", "kwargs"), OF_GREAT_EXPECTATIONS)
def test_what_polars_would_answer_otherwise_is_left_to_great_expectations(kind: str, kwargs: dict[str, Any]) -> None:
    assert failing(rule_of(kind, kwargs), dict(TABLE.schema)) is None


def test_a_rule_of_numbers_never_fails_what_is_missing() -> None:
    rule = rule_of("expect_column_values_to_be_between", {"column": "x", "min_value": 5, "max_value": 5})
    fails = failing(rule, {"x": pl.Float64()})
    assert fails is not None
    found = pl.DataFrame({"x": [None, math.nan, 4.0, 5.0]}).select(fails).to_series()
    assert found.to_list() == [False, False, True, False]


def test_a_day_is_its_first_moment() -> None:
    """Great Expectations makes a date of it, which it then cannot compare with a time."""
    fails = failing(
        rule_of("expect_column_values_to_be_between", {"column": "time", "min_value": "2024-01-31"}), TABLE.schema
    )
    assert fails is not None
    assert TABLE.filter(fails)["time"].to_list() == [time for time in TIMES if time and time < dt.datetime(2024, 1, 31)]


def test_a_folder_of_rules_on_new_rows_needs_no_pandas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame of pandas takes longer than all that polars is asked."""
    from tasks.validation.gx.new_rows import row_rules

    rules = [rule_of(kind, kwargs) for kind, kwargs in BY_POLARS[:4]]
    with row_rules(rules, TABLE.clear(), tmp_path / "empty", "suite") as asked:
        monkeypatch.setattr(PartedTable, "pandas", None)
        failing_rows = asked.failing(TABLE)
    assert [len(rows) for _, rows in failing_rows] == [2, 1, 1, 4]
