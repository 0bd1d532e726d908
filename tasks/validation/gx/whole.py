"""The first pass over a table: what must be known of it as a whole before any row or rule is judged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from great_expectations.validator.metric_configuration import MetricConfiguration

from tasks.validation.gx.checks import ExpectationCheck, refuse_aborted
from tasks.validation.gx.merged import OF_SCHEMA, Merged, merged
from tasks.validation.gx.parts import MetricError, PartEngine, sized
from tasks.validation.gx.rows import is_about_duplicates, keep_for_duplicates, known_beforehand
from tasks.validation.gx.table import PartedTable
from tasks.validation.whole_columns import WholeColumns


@dataclass(kw_only=True)
class _PassPlan:
    """What the pass collects, and for which checks."""

    checks: list[ExpectationCheck] = field(default_factory=list)
    metrics: dict[Any, tuple[MetricConfiguration, Merged]] = field(default_factory=dict)
    duplicates: list[ExpectationCheck] = field(default_factory=list)


def whole_table_values(
    checks: Sequence[ExpectationCheck], table: PartedTable, columns: WholeColumns
) -> tuple[dict[Any, Any], list[ExpectationCheck]]:
    """Metrics of the whole table by id, and the checks about the table whose columns must be read as one batch."""
    plan, batches = _plan(checks, table, columns)
    if plan.checks:
        _collect(plan, table, columns)
    values: dict[Any, Any] = {}
    for check in plan.checks:
        with metric_errors_named(check):
            wanted = [*_about_table(check), *known_beforehand(check)]
            values |= {metric.id: plan.metrics[metric.id][1].value() for metric in wanted}
    for check in batches:
        with metric_errors_named(check):
            values |= _known_of_batch(check, table)
    about_table = [check for check in batches if check.condition is None]
    return values | _of_schema(checks, table.schema_engine()), about_table


@contextmanager
def metric_errors_named(check: ExpectationCheck) -> Iterator[None]:
    """Says that a metric cannot be computed as a UserError that names the rule."""
    try:
        yield
    except MetricError as error:
        raise check.cannot(str(error)) from error


def needed_columns(checks: Sequence[ExpectationCheck], table: PartedTable) -> list[str]:
    """The columns that these checks read, in the table's order; one where none is needed, so that rows are counted."""
    if any(check.reads is None for check in checks):
        return table.names
    read = {column for check in checks for column in check.reads or ()}
    return [name for name in table.names if name in read] or table.names[:1]


def _plan(
    checks: Sequence[ExpectationCheck], table: PartedTable, columns: WholeColumns
) -> tuple[_PassPlan, list[ExpectationCheck]]:
    plan, batches = _PassPlan(), []
    for check in checks:
        wanted = [*_about_table(check), *known_beforehand(check)]
        ways = {one.id: (one, merged(one, table.types, columns, table.batch_of)) for one in wanted}
        possible = {key: (one, way) for key, (one, way) in ways.items() if way is not None}
        if len(possible) < len(ways):
            batches.append(check)
        elif possible or is_about_duplicates(check):
            plan.checks.append(check)
            # What was planned for an earlier rule goes first: a metric of two rules is collected once.
            plan.metrics = {**possible, **plan.metrics}
            plan.duplicates += [check] if is_about_duplicates(check) else []
    return plan, batches


def _collect(plan: _PassPlan, table: PartedTable, columns: WholeColumns) -> None:
    needed = needed_columns(plan.checks, table)
    asked = [metric for metric, way in plan.metrics.values() if way.asked]
    start = 0
    for part in table.parts(needed):
        shown, engine = sized(part), PartEngine(table.pandas(part))
        values, aborted = engine.compute(asked)
        refuse_aborted(plan.checks, aborted)
        for key, (_, way) in plan.metrics.items():
            way.add(engine, values.get(key), shown, start)
        for check in plan.duplicates:
            keep_for_duplicates(check, engine, shown, start, columns)
        start += part.height


def _about_table(check: ExpectationCheck) -> list[MetricConfiguration]:
    """The metrics of a rule about the table; those of a rule about rows are counted with its rows."""
    if check.condition is not None:
        return []
    return [metric for metric in check.metrics.values() if metric.metric_name not in OF_SCHEMA]


def _known_of_batch(check: ExpectationCheck, table: PartedTable) -> dict[Any, Any]:
    """What a condition compares with, where its column holds no numbers."""
    wanted = known_beforehand(check)
    engine = table.whole(check.reads) if wanted else table.schema_engine()
    return {metric.id: engine.compute_one(metric) for metric in wanted}


def _of_schema(checks: Sequence[ExpectationCheck], engine: PartEngine) -> dict[Any, Any]:
    wanted = [metric for check in checks for metric in check.metrics.values() if metric.metric_name in OF_SCHEMA]
    values, aborted = engine.compute(wanted)
    refuse_aborted(checks, aborted)
    return values
