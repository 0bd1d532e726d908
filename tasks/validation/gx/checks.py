"""The rules of a suite as Great Expectations has them, each with the metrics that it is judged by."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, replace
from typing import Any

from great_expectations.compatibility.pydantic import ValidationError
from great_expectations.exceptions.exceptions import GreatExpectationsError
from great_expectations.expectations.expectation import (
    ColumnMapExpectation,
    ColumnPairMapExpectation,
    MulticolumnMapExpectation,
)
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration, parse_result_format
from great_expectations.expectations.registry import get_expectation_impl, get_metric_kwargs
from great_expectations.util import convert_to_json_serializable
from great_expectations.validator.metric_configuration import MetricConfiguration
from great_expectations.validator.metrics_calculator import MetricsCalculator

from tasks.errors import UserError, did_you_mean
from tasks.validation.expectations import Rule
from tasks.validation.gx.parts import message_of

RESULT_FORMAT = {"result_format": "BASIC"}
"""Figures only: failing values and rows are counted part by part, and not by Great Expectations."""

_MAPS = (ColumnMapExpectation, ColumnPairMapExpectation, MulticolumnMapExpectation)
_FAILURES = (GreatExpectationsError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What Great Expectations and pandas raise when an expectation's arguments do not fit its column."""


@dataclass(frozen=True, kw_only=True)
class ExpectationCheck:
    """A rule that is ready to be judged; `condition` says row by row whether it fails, if it is about rows."""

    rule: Rule
    expectation: Any
    metrics: dict[str, MetricConfiguration]
    condition: MetricConfiguration | None
    where: str

    @property
    def reads(self) -> list[str] | None:
        """The columns that its metrics need; None for all, since a row condition may be about any."""
        return None if self.rule.kwargs.get("row_condition") else list(self.rule.columns)

    @property
    def conditions(self) -> list[MetricConfiguration]:
        """The condition, if there is one."""
        return [] if self.condition is None else [self.condition]

    def cannot(self, message: str) -> UserError:
        """The error that says why it cannot be judged."""
        return UserError(f"{self.where}, {self.rule.label}, cannot be checked: {message}; mend it or take it out")

    @contextmanager
    def failures_named(self) -> Iterator[None]:
        """Says what Great Expectations raises as a UserError that names the rule."""
        try:
            yield
        except _FAILURES as error:
            raise self.cannot(str(error) or type(error).__name__) from error


def make_check(rule: Rule, engine: Any, where: str) -> ExpectationCheck:
    """The rule, its arguments checked; `engine` holds a table with the columns. Raises UserError naming the rule."""
    place = f"{where}: expectation {rule.number}"
    check = ExpectationCheck(
        rule=rule, expectation=_build(rule, f"{place} ({rule.type})"), metrics={}, condition=None, where=place
    )
    with check.failures_named(), _no_progress_bar():
        needed = check.expectation.get_validation_dependencies(engine, {"result_format": RESULT_FORMAT})
        metrics = dict(needed.metric_configurations)
        condition = _condition(check.expectation, metrics)
        # Arguments that do not fit are found here, before any row is read.
        MetricsCalculator(engine).build_metric_dependency_graph([condition] if condition else [])
    return replace(check, metrics=metrics, condition=condition)


def judge(check: ExpectationCheck, values: dict[Any, Any], engine: Any) -> Any:
    """Great Expectations' own verdict on the metrics of the whole table, by their ids."""
    with check.failures_named(), _no_progress_bar():
        given = {metric.id: values[metric.id] for metric in check.metrics.values()}
        return check.expectation.metrics_validate(given, {"result_format": RESULT_FORMAT}, engine)


def refuse_aborted(checks: Iterable[ExpectationCheck], aborted: dict[Any, Any]) -> None:
    """Raises UserError for the first check whose metrics, or the condition that they rest on, could not be computed."""
    for check in checks:
        for metric in (*check.metrics.values(), *check.conditions):
            if metric.id in aborted:
                raise check.cannot(message_of(aborted[metric.id]))
    # Every metric is of one of the checks.
    assert not aborted


@contextmanager
def _no_progress_bar() -> Iterator[None]:
    """Great Expectations shows one, whatever its settings, while it cuts a column into bins of its own."""
    with redirect_stderr(io.StringIO()):
        yield


def plain(value: Any) -> Any:
    """Numpy values as Python's, which JSON and Great Expectations' own renderers need."""
    return json.loads(json.dumps(convert_to_json_serializable(value)))


def _build(rule: Rule, where: str) -> Any:
    entry = ExpectationConfiguration(type=rule.type, kwargs=rule.kwargs, meta={"number": rule.number})
    try:
        return entry.to_domain_obj()
    except ValidationError as error:
        fields = sorted(get_expectation_impl(rule.type).__fields__)
        raise UserError(f"{where}: {_complaint(error.errors()[0], fields)}") from None


def _complaint(error: Any, fields: list[str]) -> str:
    key = ".".join(str(step) for step in error["loc"] if step != "__root__")
    if error["type"] == "value_error.extra":
        return f"{key} is unknown{did_you_mean(key, fields)}"
    if error["type"] == "value_error.missing":
        return f"{key} is missing in kwargs; give it"
    return f"{key}: {error['msg']}; mend it" if key else f"{error['msg']}; mend its kwargs"


def _condition(expectation: Any, metrics: dict[str, MetricConfiguration]) -> MetricConfiguration | None:
    """None for rules about the table, and for those about types when the column's own type settles them."""
    if not isinstance(expectation, _MAPS) or f"{expectation.map_metric}.unexpected_count" not in metrics:
        return None
    name = f"{expectation.map_metric}.condition"
    runtime = {"result_format": parse_result_format(RESULT_FORMAT)}
    kwargs = get_metric_kwargs(metric_name=name, configuration=expectation.configuration, runtime_configuration=runtime)
    return MetricConfiguration(name, kwargs["metric_domain_kwargs"], kwargs["metric_value_kwargs"])
