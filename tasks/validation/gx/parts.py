"""A part of a table as the pandas batch that Great Expectations computes metrics on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import polars as pl
from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
from great_expectations.validator.metric_configuration import MetricConfiguration
from great_expectations.validator.metrics_calculator import MetricsCalculator

_FIRST, _LAST = datetime(1678, 1, 1), datetime(2262, 1, 1)
"""What nanoseconds since 1970 can tell, in 64 bits."""


class MetricError(Exception):
    """Great Expectations cannot compute a metric of the values that there are; the message is its own."""


class PartEngine(PandasExecutionEngine):
    """Great Expectations' pandas engine on one part, which is known what the whole table's metrics are."""

    def __init__(self, frame: Any, known: Mapping[Any, Any] | None = None) -> None:
        super().__init__(batch_data_dict={"part": frame})
        self._known = known or {}

    def resolve_metrics(
        self,
        metrics_to_resolve: Iterable[MetricConfiguration],
        metrics: dict[Any, Any] | None = None,
        runtime_configuration: dict[str, Any] | None = None,
    ) -> dict[Any, Any]:
        wanted = list(metrics_to_resolve)
        known = {metric.id: self._known[metric.id] for metric in wanted if metric.id in self._known}
        asked = [metric for metric in wanted if metric.id not in known]
        return known | (super().resolve_metrics(asked, metrics, runtime_configuration) if asked else {})

    def get_compute_domain(
        self, domain_kwargs: dict[str, Any], domain_type: Any, accessor_keys: Iterable[str] | None = None
    ) -> tuple[Any, dict[str, Any], dict[str, Any]]:
        """The frame to compute on: of a rule about one column that column alone.

        Great Expectations drops missing values by a copy of all columns that it is given, once a rule.
        """
        frame, compute, accessor = super().get_compute_domain(domain_kwargs, domain_type, accessor_keys)
        column = accessor.get("column")
        return (frame if column is None or column not in frame else frame[[column]]), compute, accessor

    def compute(self, metrics: Iterable[MetricConfiguration]) -> tuple[dict[Any, Any], dict[Any, Any]]:
        """The metrics' values by id, and what is known of those that failed."""
        wanted = list(metrics)
        if not wanted:
            return {}, {}
        resolved, aborted = MetricsCalculator(self).compute_metrics(wanted)
        return resolved, aborted

    def compute_one(self, metric: MetricConfiguration) -> Any:
        """One metric's value. Raises MetricError."""
        resolved, aborted = self.compute([metric])
        if aborted:
            raise MetricError(message_of(next(iter(aborted.values()))))
        return resolved[metric.id]


def message_of(aborted: Any) -> str:
    """Why a metric could not be computed: Great Expectations keeps one exception, or a set of them."""
    info = aborted["exception_info"]
    messages = sorted(str(one.exception_message) for one in (info if isinstance(info, set) else {info}))
    return messages[0]


def sized(part: pl.DataFrame) -> pl.DataFrame:
    """Encoded images and sounds as their size in bytes: the bytes themselves would end up in results."""
    encoded = [name for name, dtype in part.schema.items() if dtype == pl.Binary]
    return part.with_columns(pl.col(name).bin.size().cast(pl.Float64) for name in encoded)


def as_pandas(part: pl.DataFrame, with_gaps: Iterable[str]) -> Any:
    """A pandas frame, rows numbered from 0.

    pandas keeps booleans as objects where some are missing: then so in every part, or parts would differ in type.
    """
    frame = _in_nanoseconds(sized(part)).to_pandas()
    return frame.astype({name: object for name in with_gaps if name in part.columns})


def _in_nanoseconds(part: pl.DataFrame) -> pl.DataFrame:
    """Timestamps in the one unit that Great Expectations compares as a whole: in others it goes value by value."""
    fitting = [
        name
        for name, dtype in part.schema.items()
        if dtype == pl.Datetime("us") and part[name].is_between(_FIRST, _LAST).fill_null(value=True).all()
    ]
    return part.with_columns(pl.col(name).cast(pl.Datetime("ns")) for name in fitting)
