"""Metrics of a whole table from its parts: what adds up is added up, exactly; order and duplicates are DuckDB's."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import polars as pl
from great_expectations.expectations.metrics.column_aggregate_metrics.column_outlier_statistics import (
    IQR_METHOD,
    OutlierStatistics,
)
from great_expectations.validator.metric_configuration import MetricConfiguration

from tasks.columns.moments import Moments, moments
from tasks.validation.gx.parts import PartEngine
from tasks.validation.row_expressions import missing
from tasks.validation.whole_columns import WholeColumns

OF_SCHEMA = ("table.columns", "table.column_types", "table.column_count")
"""Metrics that an empty table of the same columns has as well."""

_ADDED = (
    *("table.row_count", "column_values.nonnull.count", "column_values.between.count"),
    *("column.histogram", "column.value_counts"),
)
_ADDED_ENDINGS = (".unexpected_count", ".filtered_row_count")
_FROM_MOMENTS = ("column.mean", "column.sum", "column.standard_deviation")
_FROM_ORDER = ("column.median", "column.quantile_values", "column.outlier_statistics")
_FROM_DISTINCT = ("column.distinct_values", "column.most_common_value", "column.unique_proportion")

AsBatch = Callable[[str, pl.Series], PartEngine]
"""Makes a batch of a column's distinct values: much that Great Expectations computes depends on them alone."""


class Merged(Protocol):
    """A metric of the whole table in the making."""

    asked: bool
    """Whether Great Expectations is to compute the metric on each part."""

    def add(self, engine: PartEngine, value: Any, part: pl.DataFrame, start: int) -> None:
        """Takes in one part, whose first row is row `start` of the table; `value` is the part's own, if asked."""

    def value(self) -> Any:
        """The whole table's."""


def merged(
    metric: MetricConfiguration, types: Mapping[str, Any], columns: WholeColumns, as_batch: AsBatch
) -> Merged | None:
    """How this metric is merged; None when it cannot be, and the column must be read as one batch.

    So it is with the numeric figures of columns that hold no numbers: what they are, pandas alone knows.
    """
    name = metric.metric_name
    if name in _ADDED or name.endswith(_ADDED_ENDINGS):
        return Added()
    if name in ("column.min", "column.max"):
        return Extreme(name)
    if name == "column.non_null_proportion":
        return Proportion(metric)
    if name.startswith(_FROM_DISTINCT):
        return OfColumn(metric, columns, as_batch)
    if types.get(metric.metric_domain_kwargs.get("column", "")) != pl.Float64:
        return None
    if name in _FROM_MOMENTS or _is_of_std(metric):
        return OfMoments(metric)
    return OfColumn(metric, columns, as_batch) if name in _FROM_ORDER else None


def counting(metric: MetricConfiguration, types: Mapping[str, Any]) -> pl.Expr | None:
    """How polars counts this in a part; None for what only Great Expectations computes."""
    domain = {key: value for key, value in metric.metric_domain_kwargs.items() if value is not None}
    if metric.metric_name == "table.row_count" and domain.keys() <= {"batch_id", "table"}:
        return pl.len()
    is_of_column = domain.keys() <= {"batch_id", "table", "column"} and domain.get("column") in types
    if metric.metric_name == "column_values.nonnull.unexpected_count" and is_of_column:
        return missing(domain["column"], types[domain["column"]]).sum()
    return None


class Added:
    """Counts, counts of bins, or a pandas series of counts by value."""

    asked = True

    def __init__(self) -> None:
        self._sum: Any = None

    def add(self, engine: PartEngine, value: Any, part: pl.DataFrame, start: int) -> None:
        self.take(value)

    def take(self, value: Any) -> None:
        """Takes in what one part has of it."""
        self._sum = value if self._sum is None else _added(self._sum, value)

    def value(self) -> Any:
        return self._sum


class Extreme:
    """The least or the greatest value; NaN or NaT, which differ from themselves, of none."""

    asked = True

    def __init__(self, name: str) -> None:
        self._better = min if name == "column.min" else max
        self._best: Any = math.nan

    def add(self, engine: PartEngine, value: Any, part: pl.DataFrame, start: int) -> None:
        # Only what is not a number differs from itself: there was no value so far.
        if self._best != self._best:
            self._best = value
        elif value == value:
            self._best = self._better(self._best, value)

    def value(self) -> Any:
        return self._best


class Proportion:
    """The share of values that are there; 0 of an empty table, as Great Expectations has it."""

    asked = False

    def __init__(self, metric: MetricConfiguration) -> None:
        self._metric = metric
        self._num_there = self._num_rows = 0

    def add(self, engine: PartEngine, value: Any, part: pl.DataFrame, start: int) -> None:
        values = _column(engine, self._metric)
        self._num_there += int(values.notnull().sum())
        self._num_rows += len(values)

    def value(self) -> float:
        return self._num_there / self._num_rows if self._num_rows else 0


class OfMoments:
    """Mean, sum and standard deviation of numbers."""

    asked = False

    def __init__(self, metric: MetricConfiguration) -> None:
        self._metric = metric
        self._moments = Moments()

    def add(self, engine: PartEngine, value: Any, part: pl.DataFrame, start: int) -> None:
        self._moments += moments(_column(engine, self._metric).dropna().to_numpy(dtype=np.float64))

    def value(self) -> Any:
        match self._metric.metric_name:
            case "column.mean":
                return self._moments.mean
            case "column.sum":
                return self._moments.sum
            case "column.standard_deviation":
                return self._moments.sample_std
            case _:
                return OutlierStatistics.symmetric(_finite(self._moments.mean), _finite(self._moments.sample_std))


class OfColumn:
    """What depends on a column's values as a whole: in their order, or the different ones."""

    asked = False

    def __init__(self, metric: MetricConfiguration, columns: WholeColumns, as_batch: AsBatch) -> None:
        self._metric = metric
        self._columns = columns
        self._as_batch = as_batch

    def add(self, engine: PartEngine, value: Any, part: pl.DataFrame, start: int) -> None:
        keep(engine, self._metric, part, start, self._columns)

    def value(self) -> Any:
        key, kwargs = key_of(self._metric), self._metric.metric_value_kwargs
        match self._metric.metric_name:
            case "column.median":
                return self._columns.median(key)
            case "column.quantile_values":
                interpolation = kwargs.get("allow_relative_error") or "nearest"
                return self._columns.quantiles(key, kwargs["quantiles"], interpolation)
            case "column.outlier_statistics":
                return _quartiles(self._columns.quantiles(key, (0.25, 0.75), "linear"))
            case "column.distinct_values.count":
                return self._columns.num_distinct(key)
            case "column.unique_proportion":
                count = self._columns.count(key)
                return self._columns.num_distinct(key) / count if count else 0
            case "column.most_common_value":
                return self._of(self._columns.modes(key))
            case _:
                return self._of(self._columns.distinct(key))

    def _of(self, values: pl.Series) -> Any:
        """What Great Expectations computes when the column holds just these values."""
        column = self._metric.metric_domain_kwargs["column"]
        metric = MetricConfiguration(self._metric.metric_name, {"column": column}, self._metric.metric_value_kwargs)
        return self._as_batch(column, values).compute_one(metric)


def keep(
    engine: PartEngine, metric: MetricConfiguration, part: pl.DataFrame, start: int, columns: WholeColumns
) -> None:
    """Keeps the columns of the metric's domain for later, its rows chosen as Great Expectations does it."""
    domain = metric.metric_domain_kwargs
    rows = engine.get_domain_records(domain).index.to_numpy()
    values = part[rows].select(domain["column"] if "column" in domain else list(domain["column_list"]))
    if "column" in domain:
        there = values.to_series().is_not_null()
        rows, values = rows[there.to_numpy()], values.filter(there)
    columns.append(key_of(metric), rows + start, values)


def key_of(metric: MetricConfiguration) -> str:
    """The name under which the columns of the metric's domain are kept."""
    return str(metric.id).replace('"', "'")


def _is_of_std(metric: MetricConfiguration) -> bool:
    return metric.metric_name == "column.outlier_statistics" and metric.metric_value_kwargs["method"] != IQR_METHOD


def _added(first: Any, second: Any) -> Any:
    if isinstance(first, list):
        return [one + other for one, other in zip(first, second, strict=True)]
    if hasattr(first, "index"):
        return first.add(second, fill_value=0).astype("int64")
    return first + second


def _quartiles(quartiles: list[float]) -> Any:
    first, third = map(_finite, quartiles)
    return OutlierStatistics(first, third, None if first is None or third is None else third - first)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _column(engine: PartEngine, metric: MetricConfiguration) -> Any:
    return engine.get_domain_records(metric.metric_domain_kwargs)[metric.metric_domain_kwargs["column"]]
