"""Every expectation by parts says what Great Expectations says of the whole table as one pandas batch."""

from __future__ import annotations

import datetime as dt
import itertools
import math
import random
import warnings
from contextlib import closing
from pathlib import Path
from typing import Any

import great_expectations as gx
import polars as pl
import pytest
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

from tasks.errors import UserError
from tasks.tables import storage
from tasks.validation.expectations import Rule, Suite
from tasks.validation.findings import ExpectationResult
from tasks.validation.gx.examination import Examination
from tasks.validation.suite_file import KNOWN_TYPES
from tasks.validation.whole_columns import WholeColumns

pytestmark = pytest.mark.filterwarnings("ignore")

DAYS = [dt.datetime(2024, 1, 1) + dt.timedelta(days=7 * number % 40) for number in range(24)]
TABLE = pl.DataFrame(
    {
        "x": [3.0, None, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2, None, 3, 8, 4, 60, 2.5],
        "y": [3.0, None, 2, 4, 0, 5, 8, 2, None, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3, 8, 4, 6, 2, 6.5],
        "up": [0.0, 1, 2, None, 3, 4, 5, 5, 7, 8, 9, 10, 11, 12, 13, None, None, 14, 15, 16, 15, 18, 19, 20],
        "text": ["a", "bb", None, "a", "ccc", "bb", "a", "a"] * 3,
        "json": ['{"a": 1}', "[1", None, "3"] * 6,
        "number": ["1", '"one"', None, "3"] * 6,
        "day": ["2024-01-31", "31.1.2024", None, "never"] * 6,
        "flag": [True, False, None, True] * 6,
        "sure": [True, False, True] * 8,
        "time": [None if number == 5 else day for number, day in enumerate(DAYS)],
        "photo": [b"x" * (number % 5) if number % 7 else None for number in range(24)],
        "id": [float(number) for number in range(24)],
    },
    schema_overrides={"photo": pl.Binary, "time": pl.Datetime("us")},
)

QUANTILES = {"quantiles": [0.0, 0.05, 0.25, 0.5, 0.9, 1.0], "value_ranges": [[0, 60]] * 6}
CASES: dict[str, list[dict[str, Any]]] = {
    "expect_column_distinct_values_to_be_in_set": [
        {"column": "text", "value_set": ["a", "bb"]},
        {"column": "text", "value_set": ["a", "bb", "ccc"]},
        {"column": "flag", "value_set": [True]},
        {"column": "x", "value_set": [1, 2, 3]},
    ],
    "expect_column_distinct_values_to_contain_set": [
        {"column": "text", "value_set": ["a", "z"]},
        {"column": "x", "value_set": [1, 2, 3]},
    ],
    "expect_column_distinct_values_to_equal_set": [
        {"column": "text", "value_set": ["a", "z"]},
        {"column": "sure", "value_set": [True, False]},
    ],
    "expect_column_kl_divergence_to_be_less_than": [
        {"column": "x", "partition_object": {"bins": [0, 3, 6, 70], "weights": [0.3, 0.3, 0.4]}, "threshold": 0.5},
        {"column": "x", "partition_object": {"bins": [1, 3, 60], "weights": [0.3, 0.7]}, "threshold": 0.001},
        {
            "column": "text",
            "partition_object": {"values": ["a", "bb", "ccc"], "weights": [0.5, 0.3, 0.2]},
            "threshold": 0.1,
        },
        {"column": "x", "threshold": 0.1},
    ],
    "expect_column_max_to_be_between": [
        {"column": "x", "max_value": 10},
        {"column": "x", "max_value": 60},
        {"column": "photo", "max_value": 4},
        {"column": "sure", "max_value": 1},
    ],
    "expect_column_mean_to_be_between": [
        {"column": "x", "max_value": 5},
        {"column": "x", "max_value": 50},
        {"column": "flag", "min_value": 0.1},
        {"column": "x", "min_value": 1, "row_condition": "y > 3", "condition_parser": "pandas"},
    ],
    "expect_column_median_to_be_between": [
        {"column": "x", "max_value": 3},
        {"column": "y", "max_value": 6},
        {"column": "sure", "max_value": 1},
    ],
    "expect_column_min_to_be_between": [{"column": "x", "min_value": 2}, {"column": "up", "min_value": 0}],
    "expect_column_most_common_value_to_be_in_set": [
        {"column": "text", "value_set": ["a"]},
        {"column": "text", "value_set": ["z"]},
        {"column": "id", "value_set": [3], "ties_okay": True},
    ],
    "expect_column_pair_values_a_to_be_greater_than_b": [
        {"column_A": "x", "column_B": "y", "or_equal": True},
        {"column_A": "x", "column_B": "y", "ignore_row_if": "either_value_is_missing"},
    ],
    "expect_column_pair_values_to_be_equal": [{"column_A": "x", "column_B": "y"}, {"column_A": "x", "column_B": "x"}],
    "expect_column_pair_values_to_be_in_set": [
        {"column_A": "text", "column_B": "flag", "value_pairs_set": [["a", True], ["bb", False]]}
    ],
    "expect_column_proportion_of_non_null_values_to_be_between": [
        {"column": "x", "min_value": 0.95},
        {"column": "text", "min_value": 0.5},
    ],
    "expect_column_proportion_of_unique_values_to_be_between": [
        {"column": "x", "min_value": 0.9},
        {"column": "text", "max_value": 0.5},
    ],
    "expect_column_quantile_values_to_be_between": [
        {"column": "x", "quantile_ranges": QUANTILES},
        *(
            {"column": "y", "quantile_ranges": QUANTILES, "allow_relative_error": way}
            for way in ("linear", "lower", "higher", "midpoint", "nearest")
        ),
    ],
    "expect_column_stdev_to_be_between": [{"column": "x", "max_value": 3}, {"column": "photo", "max_value": 9}],
    "expect_column_sum_to_be_between": [{"column": "x", "max_value": 3}, {"column": "sure", "max_value": 90}],
    "expect_column_to_exist": [{"column": "x"}, {"column": "x", "column_index": 3}],
    "expect_column_type_to_be": [{"column": "x", "type_": "float64"}, {"column": "flag", "type_": "bool"}],
    "expect_column_unique_value_count_to_be_between": [
        {"column": "text", "max_value": 2},
        {"column": "text", "max_value": 3},
    ],
    "expect_column_value_lengths_to_be_between": [
        {"column": "text", "max_value": 2},
        {"column": "text", "max_value": 2, "mostly": 0.8},
    ],
    "expect_column_value_lengths_to_equal": [{"column": "text", "value": 1}],
    "expect_column_value_z_scores_to_be_less_than": [
        {"column": "x", "threshold": 2, "double_sided": True},
        {"column": "x", "threshold": -0.1, "double_sided": False},
    ],
    "expect_column_values_to_be_between": [
        {"column": "x", "min_value": 2, "max_value": 9},
        {"column": "x", "min_value": 2, "mostly": 0.9},
        {"column": "time", "min_value": "2024-01-05T00:00:00"},
        {"column": "photo", "min_value": 1, "strict_min": True},
        {"column": "x", "min_value": 4, "row_condition": "y > 3", "condition_parser": "pandas"},
    ],
    "expect_column_values_to_be_dateutil_parseable": [{"column": "day"}],
    "expect_column_values_to_be_decreasing": [{"column": "x"}, {"column": "time"}],
    "expect_column_values_to_be_in_set": [
        {"column": "text", "value_set": ["a", "bb"]},
        {"column": "flag", "value_set": [True]},
    ],
    "expect_column_values_to_be_in_type_list": [
        {"column": "x", "type_list": ["float64"]},
        {"column": "flag", "type_list": ["bool", "int"]},
        {"column": "text", "type_list": ["int"]},
    ],
    "expect_column_values_to_be_increasing": [
        {"column": "up"},
        {"column": "up", "strictly": True},
        {"column": "time"},
        {"column": "up", "row_condition": "x > 2", "condition_parser": "pandas"},
    ],
    "expect_column_values_to_be_json_parseable": [{"column": "json"}],
    "expect_column_values_to_be_null": [{"column": "x"}],
    "expect_column_values_to_be_of_type": [
        {"column": "x", "type_": "float64"},
        {"column": "x", "type_": "int64"},
        {"column": "flag", "type_": "bool"},
    ],
    "expect_column_values_to_be_unique": [
        {"column": "x"},
        {"column": "text"},
        {"column": "id"},
        {"column": "photo"},
        {"column": "x", "row_condition": "y > 3", "condition_parser": "pandas"},
    ],
    "expect_column_values_to_match_json_schema": [{"column": "number", "json_schema": {"type": "number"}}],
    "expect_column_values_to_match_like_pattern": [],
    "expect_column_values_to_match_like_pattern_list": [],
    "expect_column_values_to_match_regex": [{"column": "text", "regex": "^a"}],
    "expect_column_values_to_match_regex_list": [{"column": "text", "regex_list": ["^a", "^b"], "match_on": "any"}],
    "expect_column_values_to_match_strftime_format": [{"column": "day", "strftime_format": "%Y-%m-%d"}],
    "expect_column_values_to_not_be_in_set": [{"column": "text", "value_set": ["a"]}],
    "expect_column_values_to_not_be_null": [{"column": "x"}, {"column": "sure"}],
    "expect_column_values_to_not_be_outliers": [
        {"column": "x", "method": "iqr"},
        {"column": "x", "method": "std", "multiplier": 2},
    ],
    "expect_column_values_to_not_match_like_pattern": [],
    "expect_column_values_to_not_match_like_pattern_list": [],
    "expect_column_values_to_not_match_regex": [{"column": "text", "regex": "^a"}],
    "expect_column_values_to_not_match_regex_list": [{"column": "text", "regex_list": ["^a", "^b"]}],
    "expect_compound_columns_to_be_unique": [
        {"column_list": ["x", "text"]},
        {"column_list": ["text", "flag"], "ignore_row_if": "any_value_is_missing"},
        {"column_list": ["id", "x"]},
    ],
    "expect_multicolumn_sum_to_equal": [{"column_list": ["x", "y"], "sum_total": 10}],
    "expect_multicolumn_values_to_be_equal": [{"column_list": ["x", "y"]}],
    "expect_select_column_values_to_be_unique_within_record": [{"column_list": ["x", "y"]}],
    "expect_table_column_count_to_be_between": [{"max_value": 12}, {"max_value": 11}],
    "expect_table_column_count_to_equal": [{"value": 12}, {"value": 3}],
    "expect_table_columns_to_match_ordered_list": [{"column_list": TABLE.columns}, {"column_list": ["x"]}],
    "expect_table_columns_to_match_set": [{"column_set": TABLE.columns}, {"column_set": ["x"]}],
    "expect_table_row_count_to_be_between": [{"min_value": 24}, {"min_value": 25}],
    "expect_table_row_count_to_equal": [{"value": 24}, {"value": 3}],
}
"""Arguments for every expectation, under which it passes or fails."""

ONLY_SQL = {kind for kind, cases in CASES.items() if not cases}
"""Great Expectations has no LIKE on pandas."""

EACH = [(kind, kwargs) for kind, cases in CASES.items() for kwargs in cases]
CANNOT: list[tuple[str, dict[str, Any], str]] = [
    *(
        (
            kind,
            {"column": "text", **({"like_pattern_list": ["a%"]} if "list" in kind else {"like_pattern": "a%"})},
            "No provider",
        )
        for kind in sorted(ONLY_SQL)
    ),
    ("expect_column_values_to_match_json_schema", {"column": "json", "json_schema": {}}, "Expecting"),
    (
        "expect_column_values_to_be_between",
        {"column": "text", "min_value": 1},
        "must either be None or of the same type",
    ),
    ("expect_column_mean_to_be_between", {"column": "text", "min_value": 1}, "'mean' with string"),
    ("expect_column_sum_to_be_between", {"column": "time", "min_value": 1}, "'sum'"),
    ("expect_column_value_z_scores_to_be_less_than", {"column": "text", "threshold": 1, "double_sided": True}, ""),
    ("expect_column_quantile_values_to_be_between", {"column": "text", "quantile_ranges": QUANTILES}, ""),
]
"""What pandas cannot compute, and what it says."""


def suite(*entries: tuple[str, dict[str, Any]]) -> Suite:
    rules = [
        Rule(number=number, type=kind, kwargs=kwargs, severity="critical")
        for number, (kind, kwargs) in enumerate(entries, start=1)
    ]
    return Suite(name="all", rules=tuple(rules))


def by_parts(
    folder: Path, entries: list[tuple[str, dict[str, Any]]], cuts: list[int], table: pl.DataFrame = TABLE
) -> tuple[list[ExpectationResult], Any, dict[int, list[int]]]:
    """The findings, Great Expectations' result, and the failing rows by rule."""
    ends = [0, *sorted(cuts), table.height]
    storage.write_parts(folder / "raw", [table[start:end] for start, end in itertools.pairwise(ends)] or [table])
    failing: dict[int, list[int]] = {}
    with closing(WholeColumns(folder)) as columns:
        examination = Examination(folder / "raw", suite(*entries), "all.json", columns)
        start = 0
        for part, found in examination.parts():
            for rule, rows in found:
                failing.setdefault(rule.number, []).extend(int(row) + start for row in rows)
            start += part.height
        findings, result = examination.verdict()
    return findings, result, failing


@pytest.fixture(scope="module")
def as_one_batch() -> dict[int, Any]:
    """Great Expectations' own results on the whole table."""
    context = gx.get_context(mode="ephemeral")
    asset = context.data_sources.add_pandas("whole").add_dataframe_asset("whole")
    frame = TABLE.with_columns(pl.col("photo").bin.size().cast(pl.Float64)).to_pandas()
    batch = asset.add_batch_definition_whole_dataframe("whole").get_batch({"dataframe": frame})
    expectations = [
        ExpectationConfiguration(type=kind, kwargs=kwargs, meta={"number": number}).to_domain_obj()
        for number, (kind, kwargs) in enumerate(EACH, start=1)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = batch.validate(gx.ExpectationSuite(name="all", expectations=expectations), result_format="COMPLETE")
    return {one.expectation_config.meta["number"]: one for one in result.results}


@pytest.fixture(scope="module", params=["one part", "by five", "at random"])
def examined(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    ways = {
        "one part": [],
        "by five": list(range(5, 24, 5)),
        "at random": random.Random(4).sample(range(1, 24), 4),
    }
    return by_parts(tmp_path_factory.mktemp("parts"), EACH, ways[request.param])


def near(first: Any, second: Any) -> bool:
    """Equal; numbers within 1e-9, missing ones alike."""
    if isinstance(first, float | int) and isinstance(second, float | int):
        return math.isclose(first, second, rel_tol=1e-9, abs_tol=1e-9) or (first != first and second != second)
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(near, first, second))
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(near(first[key], second[key]) for key in first)
    return bool(first == second)


COUNTS = ("element_count", "missing_count", "unexpected_count", "unexpected_percent", "unexpected_percent_total")


@pytest.mark.parametrize("number", range(1, len(EACH) + 1), ids=[kind for kind, _ in EACH])
def test_parts_are_judged_as_one_batch(as_one_batch: dict[int, Any], examined: Any, number: int) -> None:
    whole, (findings, result, failing) = as_one_batch[number].to_json_dict(), examined
    parts = result.results[number - 1].to_json_dict()
    assert not as_one_batch[number].exception_info.get("exception_message"), "a case that cannot be judged at all"
    assert parts["success"] == whole["success"] == findings[number - 1].success
    assert near(parts["result"].get("observed_value"), whole["result"].get("observed_value"))
    assert near(parts["result"].get("details"), whole["result"].get("details"))
    for count in COUNTS:
        assert near(parts["result"].get(count), whole["result"].get(count)), count
    expected = sorted(whole["result"].get("unexpected_index_list") or []) if number in failing else []
    assert failing.get(number, []) == expected


def test_there_is_a_case_for_every_known_expectation() -> None:
    assert CASES.keys() == KNOWN_TYPES


@pytest.mark.parametrize(("kind", "kwargs", "said"), CANNOT, ids=[kind for kind, *_ in CANNOT])
def test_what_cannot_be_checked_is_the_users_to_mend(
    tmp_path: Path, kind: str, kwargs: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError, match=rf"all.json: expectation 1, {kind}.*, cannot be checked: (?s:.*)({said})"):
        by_parts(tmp_path, [(kind, kwargs)], [5, 11])


def test_a_table_without_rows_is_judged(tmp_path: Path) -> None:
    findings, _, _ = by_parts(tmp_path, EACH, [], TABLE.clear())
    assert [finding.num_failing for finding in findings if finding.num_failing] == []
