"""Suites of expectations as people keep them in expectations/PIPELINE.json: drafted, read and checked.

Great Expectations is not needed for any of this, and takes seconds to import: only `tasks.validation.gx` does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast, get_args

import polars as pl

from tasks.columns import TYPE_NAMES, column_type
from tasks.columns.base import Expectation, expectation
from tasks.errors import UserError, did_you_mean
from tasks.params.config import ColumnTypeName
from tasks.tables.dataset import Column, Dataset
from tasks.validation.data_profile import NUM_CATEGORIES, WITHOUT_VALUES, ColumnProfile, DataProfile, profile_of
from tasks.validation.suite_file import KNOWN_TYPES, read_suite_json

Severity = Literal["critical", "warning"]

_KEYS = {"type": str, "kwargs": dict, "severity": str, "notes": str}
_COLUMN_KWARGS = ("column", "column_A", "column_B", "column_list")
_SUITE_KEYS = ("name", "types", "expectations", "drafted")
_DIGEST_LENGTH = 12


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
        return columns_of(self.kwargs)

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
    types: Mapping[str, str] = field(default_factory=dict)
    """The columns' types when it was drafted; empty in one that was written by hand."""


def draft_suite(name: str, dataset: Dataset, parts: Iterable[pl.DataFrame]) -> dict[str, Any]:
    """A suite to start from, by column types and what all parts hold; a person goes on from there."""
    return suite_of_profile(name, dataset, profile_of(dataset, parts))


def suite_of_profile(name: str, dataset: Dataset, profile: DataProfile) -> dict[str, Any]:
    """The same from a profile of the rows.

    Its `drafted` keeps a digest of each expectation as it was drafted: what differs from it, a person has edited. Its
    `types` are those that the columns had.
    """
    entries = [
        expectation("table_columns_to_match_set", "critical", column_set=[column.name for column in dataset.columns]),
        expectation("table_row_count_to_be_between", "critical", min_value=1),
    ]
    for column in dataset.columns:
        if column.role not in WITHOUT_VALUES:
            entries += _draft_column(column, dataset, profile.columns[column.name])
    return {
        "name": name,
        "types": {column.name: column.type for column in dataset.columns},
        "expectations": entries,
        "drafted": {key_of(entry): digest_of(entry) for entry in entries},
    }


def key_of(entry: Expectation) -> str:
    """What names an expectation in its suite: type and columns, such as `expect_column_values_to_not_be_null(age)`."""
    columns = columns_of(entry.get("kwargs", {}))
    return f"{entry['type']}({', '.join(columns)})" if columns else str(entry["type"])


def digest_of(entry: Expectation) -> str:
    """Changes when, and only when, what the expectation demands does, or how severely."""
    demanded = [entry.get("kwargs", {}), entry.get("severity", "critical")]
    return hashlib.sha256(json.dumps(demanded, sort_keys=True).encode()).hexdigest()[:_DIGEST_LENGTH]


def columns_of(kwargs: dict[str, Any]) -> tuple[str, ...]:
    """The columns that an expectation with these arguments is about."""
    named = [kwargs[key] for key in _COLUMN_KWARGS if key in kwargs]
    return tuple(column for name in named for column in (name if isinstance(name, list) else [name]))


def read_suite(path: Path) -> Suite:
    """The suite, its form checked. Raises UserError that names the place in the file, what is wrong, and what to do."""
    content = read_suite_json(path)
    if not isinstance(content, dict) or not isinstance(content.get("expectations"), list):
        raise UserError(
            f'{path}: must be an object with a list: {{"name": ..., "expectations": [...]}}; write it so, or remove '
            f"the file, and `modelwright expect {path.stem} --write` drafts it anew"
        )
    for key in sorted(content.keys() - set(_SUITE_KEYS)):
        raise UserError(f"{path}: {key} is unknown{did_you_mean(key, _SUITE_KEYS)}")
    if not isinstance(content.get("drafted", {}), dict):
        raise UserError(f"{path}: drafted must be an object, as `modelwright expect --write` writes it; take it out")
    types = content.get("types", {})
    if not isinstance(types, dict) or not set(types.values()) <= set(TYPE_NAMES):
        raise UserError(f"{path}: types must name the type of each column ({', '.join(TYPE_NAMES)}); take it out")
    rules = tuple(_rule(path, number, entry) for number, entry in enumerate(content["expectations"], start=1))
    return Suite(name=str(content.get("name", path.stem)), rules=rules, types=types)


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


def check_types(path: Path, suite: Suite, dataset: Dataset) -> None:
    """Raises UserError when a column's values are of another kind than those that the suite was drafted from."""
    for column in dataset.columns:
        before = cast(ColumnTypeName, suite.types.get(column.name, column.type))
        # Text and categories are the same values: which of them a column is may change with the number of rows.
        if column_type(before).dtype != column_type(column.type).dtype:
            raise UserError(
                f"{path}: {column.name} was of type {before}, and is {column.type} in these data; write "
                f"ingest.columns.{column.name}.type: {before} in params.yaml, and cells that are none become rows in "
                f"quarantine, or, where the new type is right, `modelwright expect {path.stem} --write --retype`"
            )


def _draft_column(column: Column, dataset: Dataset, profile: ColumnProfile) -> list[Expectation]:
    values = representatives(profile).alias(column.name)
    drafted = column_type(column.type).expect(column.name, values)
    if column.role == "target":
        drafted = _draft_target(column, dataset, values, drafted)
    # A set that lacks what the profile does not name would refuse good rows.
    if (profile.num_categories or 0) > NUM_CATEGORIES:
        drafted = [entry for entry in drafted if entry["type"] != "expect_column_values_to_be_in_set"]
    return drafted


def _draft_target(column: Column, dataset: Dataset, values: pl.Series, drafted: list[Expectation]) -> list[Expectation]:
    # Rows without a target are taken out by clean: nothing to refuse a run for.
    own = [expectation("column_values_to_not_be_null", "warning", column=column.name)]
    if dataset.task != "regression":
        classes = values.drop_nulls().unique().sort().to_list()
        own.append(expectation("column_values_to_be_in_set", "critical", column=column.name, value_set=classes))
        return own
    return own + [entry for entry in drafted if entry["type"] != own[0]["type"]]


def representatives(profile: ColumnProfile) -> pl.Series:
    """A few values that stand for all of a column: its extremes, categories or longest text, and a gap if it has any.

    All that drafting asks of values holds of these as it does of the whole column.
    """
    of_type = column_type(profile.type)
    written: list[Any] = []
    if profile.minimum is not None:
        written = [profile.minimum, profile.maximum]
    elif profile.longest is not None:
        written = ["x" * profile.longest]
    elif profile.categories:
        written = list(profile.categories)
    values = [of_type.from_profile(value) for value in written]
    return pl.Series(values + [None] * (profile.missing > 0), dtype=of_type.dtype)


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
