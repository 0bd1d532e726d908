"""Suites of expectations as people keep them in expectations/PIPELINE.json: drafted, read and checked.

Great Expectations is not needed for any of this, and takes seconds to import: only `tasks.validate` does.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

import polars as pl

from tasks.columns import column_type
from tasks.columns.base import Expectation, expectation
from tasks.dataset import Column, Dataset
from tasks.errors import UserError, did_you_mean

Severity = Literal["critical", "warning"]

_TYPE_NAMES = """
    expect_column_distinct_values_to_be_in_set expect_column_distinct_values_to_contain_set
    expect_column_distinct_values_to_equal_set expect_column_kl_divergence_to_be_less_than
    expect_column_max_to_be_between expect_column_mean_to_be_between expect_column_median_to_be_between
    expect_column_min_to_be_between expect_column_most_common_value_to_be_in_set
    expect_column_pair_values_a_to_be_greater_than_b expect_column_pair_values_to_be_equal
    expect_column_pair_values_to_be_in_set expect_column_proportion_of_non_null_values_to_be_between
    expect_column_proportion_of_unique_values_to_be_between expect_column_quantile_values_to_be_between
    expect_column_stdev_to_be_between expect_column_sum_to_be_between expect_column_to_exist expect_column_type_to_be
    expect_column_unique_value_count_to_be_between expect_column_value_lengths_to_be_between
    expect_column_value_lengths_to_equal expect_column_value_z_scores_to_be_less_than
    expect_column_values_to_be_between expect_column_values_to_be_dateutil_parseable
    expect_column_values_to_be_decreasing expect_column_values_to_be_in_set expect_column_values_to_be_in_type_list
    expect_column_values_to_be_increasing expect_column_values_to_be_json_parseable expect_column_values_to_be_null
    expect_column_values_to_be_of_type expect_column_values_to_be_unique expect_column_values_to_match_json_schema
    expect_column_values_to_match_like_pattern expect_column_values_to_match_like_pattern_list
    expect_column_values_to_match_regex expect_column_values_to_match_regex_list
    expect_column_values_to_match_strftime_format expect_column_values_to_not_be_in_set
    expect_column_values_to_not_be_null expect_column_values_to_not_be_outliers
    expect_column_values_to_not_match_like_pattern expect_column_values_to_not_match_like_pattern_list
    expect_column_values_to_not_match_regex expect_column_values_to_not_match_regex_list
    expect_compound_columns_to_be_unique expect_multicolumn_sum_to_equal expect_multicolumn_values_to_be_equal
    expect_select_column_values_to_be_unique_within_record expect_table_column_count_to_be_between
    expect_table_column_count_to_equal expect_table_columns_to_match_ordered_list expect_table_columns_to_match_set
    expect_table_row_count_to_be_between expect_table_row_count_to_equal
    """

KNOWN_TYPES = frozenset(_TYPE_NAMES.split())
"""What Great Expectations 1.24 can check on a table in memory: all that it registers, but for those that need SQL."""

_KEYS = {"type": str, "kwargs": dict, "severity": str, "notes": str}
_COLUMN_KWARGS = ("column", "column_A", "column_B", "column_list")
_UNDRAFTED_ROLES = ("id", "group", "time", "split")
"""New rows bring new ids, groups and times: what was seen says nothing about them."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One expectation of a suite; `number` is its place there, from 1, as messages name it."""

    number: int
    type: str
    kwargs: dict[str, Any]
    severity: Severity
    notes: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns whose values it is about; none for a rule about the table as a whole."""
        named = [self.kwargs[key] for key in _COLUMN_KWARGS if key in self.kwargs]
        return tuple(column for name in named for column in (name if isinstance(name, list) else [name]))

    @property
    def label(self) -> str:
        """Type and columns, such as `expect_column_values_to_not_be_null(age)`."""
        return f"{self.type}({', '.join(self.columns)})" if self.columns else self.type

    @property
    def limits(self) -> dict[str, Any]:
        """What it demands: its arguments without the columns."""
        return {key: value for key, value in self.kwargs.items() if key not in _COLUMN_KWARGS}


@dataclass(frozen=True, kw_only=True)
class Suite:
    """The expectations of one pipeline, in the order of the file."""

    name: str
    rules: tuple[Rule, ...]


def draft_suite(name: str, dataset: Dataset, sample: pl.DataFrame) -> dict[str, Any]:
    """A suite to start from, by column types and the ranges seen in `sample`; a person goes on from there."""
    drafted = [
        expectation("table_columns_to_match_set", "critical", column_set=[column.name for column in dataset.columns]),
        expectation("table_row_count_to_be_between", "critical", min_value=1),
    ]
    for column in dataset.columns:
        if column.role not in _UNDRAFTED_ROLES:
            drafted += _draft_column(column, dataset, sample[column.name])
    return {"name": name, "expectations": drafted}


def read_suite(path: Path) -> Suite:
    """The suite, its form checked. Raises UserError that names the place in the file, what is wrong, and what to do."""
    content = _read_json(path)
    if not isinstance(content, dict) or not isinstance(content.get("expectations"), list):
        raise UserError(f'{path}: must be an object with a list: {{"name": ..., "expectations": [...]}}')
    for key in content.keys() - {"name", "expectations"}:
        raise UserError(f"{path}: {key} is unknown{did_you_mean(key, ('name', 'expectations'))}")
    rules = tuple(_rule(path, number, entry) for number, entry in enumerate(content["expectations"], start=1))
    return Suite(name=str(content.get("name", path.stem)), rules=rules)


def check_columns(path: Path, suite: Suite, columns: Collection[str]) -> None:
    """Raises UserError when an expectation is about a column that the table does not have."""
    for rule in suite.rules:
        for column in rule.columns:
            if column not in columns:
                raise UserError(
                    f"{path}: expectation {rule.number} ({rule.type}) is about the column {column!r}, which the table "
                    f"does not have{did_you_mean(column, columns)}; take the expectation out, name another column, "
                    "or mend the source"
                )


def _draft_column(column: Column, dataset: Dataset, values: pl.Series) -> list[Expectation]:
    drafted = column_type(column.type).expect(column.name, values)
    if column.role != "target":
        return drafted
    # Rows without a target are taken out by clean: nothing to refuse a run for.
    own = [expectation("column_values_to_not_be_null", "warning", column=column.name)]
    if dataset.task != "regression":
        classes = values.drop_nulls().unique().sort().to_list()
        own.append(expectation("column_values_to_be_in_set", "critical", column=column.name, value_set=classes))
        return own
    return own + [entry for entry in drafted if entry["type"] != own[0]["type"]]


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except FileNotFoundError:
        raise UserError(
            f"{path}: there is no such suite; `modelwright add` drafts one from the data: edit it and keep it in git"
        ) from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8") from None
    except json.JSONDecodeError as error:
        raise UserError(
            f"{path}:{error.lineno}: not JSON: {error.msg} at column {error.colno}; mend that line"
        ) from None
    except _ConstantError as error:
        raise UserError(f"{path}: {error} is no JSON number; write one, or leave the bound out") from None


class _ConstantError(Exception):
    """NaN or Infinity, which Python reads and JSON does not know."""


def _refuse_constant(constant: str) -> Any:
    raise _ConstantError(constant)


def _rule(path: Path, number: int, entry: Any) -> Rule:
    where = f"{path}: expectation {number}"
    if not isinstance(entry, dict) or not isinstance(entry.get("type"), str):
        raise UserError(
            f'{where}: must be an object such as {{"type": "expect_...", "kwargs": {{...}}, "severity": "critical"}}'
        )
    for key, value in entry.items():
        if key not in _KEYS:
            raise UserError(f"{where}: {key} is unknown{did_you_mean(key, _KEYS)}")
        if not isinstance(value, _KEYS[key]):
            raise UserError(
                f"{where}: {key} must be {'an object' if _KEYS[key] is dict else 'text'}, not {json.dumps(value)}"
            )
    if entry["type"] not in KNOWN_TYPES:
        raise UserError(f"{where}: {entry['type']} is no expectation that is known{_nearest_type(entry['type'])}")
    severity = entry.get("severity", "critical")
    if severity not in get_args(Severity):
        raise UserError(f"{where}: severity {severity!r} is unknown; write critical or warning")
    return Rule(
        number=number,
        type=entry["type"],
        kwargs=entry.get("kwargs", {}),
        severity=cast(Severity, severity),
        notes=entry.get("notes"),
    )


def _nearest_type(word: str) -> str:
    nearest = did_you_mean(word, KNOWN_TYPES)
    return nearest if "did you mean" in nearest else "; https://greatexpectations.io/expectations lists them all"
