"""Which rows of a part fail a rule, also where its neighbours in other parts, or all of the column, have a say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import polars as pl
from great_expectations.validator.metric_configuration import MetricConfiguration
from numpy.typing import NDArray

from tasks.validation.gx.checks import ExpectationCheck, refuse_aborted
from tasks.validation.gx.merged import keep, key_of
from tasks.validation.gx.parts import PartEngine
from tasks.validation.gx.table import PartedTable
from tasks.validation.row_expressions import failing
from tasks.validation.whole_columns import WholeColumns

Rows = NDArray[np.int64]

_NEIGHBOURS = ("column_values.increasing.condition", "column_values.decreasing.condition")
_DUPLICATES = ("column_values.unique.condition", "compound_columns.unique.condition")


class FailingRows(Protocol):
    """Finds the rows of one rule, part after part."""

    asked: bool
    """Whether the condition is computed on the part as it is."""

    def find(self, values: dict[Any, Any], part: pl.DataFrame, start: int) -> Rows:
        """Row numbers within the part, whose first row is row `start` of the table, in order."""


def failing_rows(check: ExpectationCheck, table: PartedTable, columns: WholeColumns) -> FailingRows:
    """The way to the rows that fail this check."""
    assert check.condition is not None
    if check.condition.metric_name in _NEIGHBOURS:
        return AfterNeighbours(check, table)
    if is_about_duplicates(check):
        return Duplicates(columns.duplicates(key_of(check.condition)))
    return row_by_row(check, table)


def row_by_row(check: ExpectationCheck, table: PartedTable) -> FailingRows:
    """The way to the rows that fail a check whose answer depends on nothing but the row."""
    assert check.condition is not None
    fails = failing(check.rule, table.types)
    return ByCondition(check.condition) if fails is None else ByExpression(fails)


def is_about_duplicates(check: ExpectationCheck) -> bool:
    """Whether all of its columns must be kept before the first row can be judged."""
    return check.condition is not None and check.condition.metric_name in _DUPLICATES


def keep_for_duplicates(
    check: ExpectationCheck, engine: PartEngine, part: pl.DataFrame, start: int, columns: WholeColumns
) -> None:
    """Takes in one part of a rule about duplicates."""
    assert check.condition is not None
    keep(engine, check.condition, part, start, columns)


def is_by_itself(check: ExpectationCheck) -> bool:
    """Whether a row passes or fails whatever other rows there are."""
    if check.condition is None or check.condition.metric_name in (*_NEIGHBOURS, *_DUPLICATES):
        return False
    return not known_beforehand(check)


def known_beforehand(check: ExpectationCheck) -> list[MetricConfiguration]:
    """Metrics of the whole table that its condition compares each row with."""
    if check.condition is None:
        return []
    domain, name = check.condition.metric_domain_kwargs, check.condition.metric_name
    if name == "column_values.z_score.under_threshold.condition":
        return [MetricConfiguration(metric, domain) for metric in ("column.mean", "column.standard_deviation")]
    if name == "column_values.not_outliers.condition":
        method = check.condition.metric_value_kwargs["method"]
        return [MetricConfiguration("column.outlier_statistics", domain, {"method": method})]
    return []


class ByExpression:
    """A row's own values decide, and polars can say how."""

    asked = False

    def __init__(self, fails: pl.Expr) -> None:
        self._fails = fails

    def find(self, values: dict[Any, Any], part: pl.DataFrame, start: int) -> Rows:
        return part.select(self._fails.arg_true()).to_series().to_numpy().astype(np.int64)


class ByCondition:
    """A row's own values decide, with what is known beforehand; Great Expectations says how."""

    asked = True

    def __init__(self, condition: MetricConfiguration) -> None:
        self._condition = condition

    def find(self, values: dict[Any, Any], part: pl.DataFrame, start: int) -> Rows:
        return _rows_of(values[self._condition.id])


class AfterNeighbours:
    """The value before decides, so the last one of the parts before comes along."""

    asked = False

    def __init__(self, check: ExpectationCheck, table: PartedTable) -> None:
        assert check.condition is not None
        self._check, self._condition, self._table = check, check.condition, table
        self._before: pl.DataFrame | None = None

    def find(self, values: dict[Any, Any], part: pl.DataFrame, start: int) -> Rows:
        own = part if self._check.reads is None else part.select(self._check.reads)
        both = own if self._before is None else pl.concat([self._before, own])
        num_before = both.height - own.height
        engine = PartEngine(self._table.pandas(both))
        unexpected, aborted = engine.compute([self._condition])
        refuse_aborted([self._check], aborted)
        domain = engine.get_domain_records(self._condition.metric_domain_kwargs)
        there = domain[self._condition.metric_domain_kwargs["column"]].dropna().index
        if len(there):
            self._before = both[[int(there[-1])]]
        rows = _rows_of(unexpected[self._condition.id]) - num_before
        return rows[rows >= 0]


class Duplicates:
    """Rows that are duplicates in the whole table, handed out part by part."""

    asked = False

    def __init__(self, batches: Iterator[Rows]) -> None:
        self._batches = batches
        self._waiting: Rows = np.array([], dtype=np.int64)

    def find(self, values: dict[Any, Any], part: pl.DataFrame, start: int) -> Rows:
        end = start + part.height
        # Batches come in the order of rows: one that reaches beyond this part is the last to be asked for.
        while not len(self._waiting) or self._waiting[-1] < end:
            batch = next(self._batches, None)
            if batch is None:
                break
            self._waiting = np.concatenate([self._waiting, batch])
        here = int(np.searchsorted(self._waiting, end))
        rows, self._waiting = self._waiting[:here], self._waiting[here:]
        return rows - start


def _rows_of(condition: Any) -> Rows:
    """The rows for which Great Expectations' condition, a pandas series of what is unexpected, holds."""
    unexpected = condition[0]
    return np.sort(unexpected.index[unexpected.to_numpy(dtype=bool)].to_numpy(dtype=np.int64))
