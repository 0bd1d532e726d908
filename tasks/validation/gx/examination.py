"""A suite on a table of parts: two passes at most, a part in memory at a time, and Great Expectations' verdicts."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
from great_expectations.core import ExpectationSuiteValidationResult
from great_expectations.validator.metric_configuration import MetricConfiguration
from great_expectations.validator.validation_statistics import calc_validation_statistics

from tasks.validation.expectations import Rule, Suite
from tasks.validation.findings import ExpectationResult, Failing, FailureTally
from tasks.validation.gx.checks import ExpectationCheck, judge, make_check, plain, refuse_aborted
from tasks.validation.gx.merged import OF_SCHEMA, Added, counting
from tasks.validation.gx.parts import PartEngine, sized
from tasks.validation.gx.rows import Rows, failing_rows, known_beforehand
from tasks.validation.gx.table import PartedTable
from tasks.validation.gx.whole import needed_columns, whole_table_values
from tasks.validation.whole_columns import WholeColumns


class Examination:
    """One suite on one table: go through `parts`, then ask for the `verdict`."""

    def __init__(self, folder: Path, suite: Suite, where: str, columns: WholeColumns) -> None:
        """Raises UserError, beginning with `where`, when an expectation's arguments are wrong."""
        self._suite = suite
        self._columns = columns
        self._table = PartedTable(folder)
        self._schema = self._table.schema_engine()
        self._checks = [self._made(rule, where) for rule in suite.rules]
        self._of_rows = [check for check in self._checks if check.condition is not None]
        self._tallies = {check.rule.number: FailureTally(check.rule) for check in self._of_rows}
        by_parts = [check for check in self._checks if not _needs_data_to_begin(check.rule)]
        self._values, batches = whole_table_values(by_parts, self._table, columns)
        self._by_parts = {check.rule.number for check in by_parts} - {check.rule.number for check in batches}

    def parts(self) -> Iterator[tuple[pl.DataFrame, Failing]]:
        """Every part with the rows in it that fail; the counts are complete when all parts have been seen."""
        finders = [failing_rows(check, self._table, self._columns) for check in self._of_rows]
        asked = [check for check, finder in zip(self._of_rows, finders, strict=True) if finder.asked]
        added = {metric.id: metric for check in self._of_rows for metric in _added(check)}
        counted = {key: counting(metric, self._table.types) for key, metric in added.items()}
        expressions = {key: expression for key, expression in counted.items() if expression is not None}
        of_parts = [metric for key, metric in added.items() if key not in expressions]
        counts = {key: Added() for key in added}
        needed, start = needed_columns(self._of_rows, self._table), 0
        with only_new_garbage():
            for part in self._table.parts():
                shown = sized(part.select(needed))
                values = self._asked(asked, of_parts, shown) | _by_polars(expressions, shown)
                for key, count in counts.items():
                    count.take(values[key])
                rows = [finder.find(values, shown, start) for finder in finders]
                yield part, self._tallied(part, rows)
                start += part.height
                # Else this part would still be held while the next one is read.
                del values, rows
                gc.collect()
        self._values |= {key: count.value() for key, count in counts.items()}

    def verdict(self) -> tuple[list[ExpectationResult], Any]:
        """A finding per rule, in the suite's order, and Great Expectations' result on the whole table."""
        results = [self._judged(check) for check in self._checks]
        statistics = calc_validation_statistics(results)
        findings = [self._finding(check, result) for check, result in zip(self._checks, results, strict=True)]
        result = ExpectationSuiteValidationResult(
            success=statistics.success,
            results=results,
            suite_name=self._suite.name,
            statistics={key: value for key, value in statistics._asdict().items() if key != "success"},
        )
        return findings, result

    def _made(self, rule: Rule, where: str) -> ExpectationCheck:
        engine = self._table.whole(rule.columns) if _needs_data_to_begin(rule) else self._schema
        return make_check(rule, engine, where)

    def _asked(
        self, checks: list[ExpectationCheck], metrics: list[MetricConfiguration], part: pl.DataFrame
    ) -> dict[Any, Any]:
        """What Great Expectations computes on the part: these metrics, and the conditions of the checks."""
        wanted = [*metrics, *(condition for check in checks for condition in check.conditions)]
        if not wanted:
            # A pandas frame of the part takes longer than all that polars is asked.
            return {}
        beforehand = {metric.id for check in checks for metric in known_beforehand(check)}
        shown = part if metrics else part.select(needed_columns(checks, self._table))
        engine = PartEngine(self._table.pandas(shown), {key: self._values[key] for key in beforehand})
        values, aborted = engine.compute(wanted)
        refuse_aborted(self._of_rows, aborted)
        return values

    def _tallied(self, part: pl.DataFrame, rows: list[Rows]) -> Failing:
        failing = [(check.rule, own) for check, own in zip(self._of_rows, rows, strict=True)]
        for rule, own in failing:
            self._tallies[rule.number].add(part, own)
        return failing

    def _judged(self, check: ExpectationCheck) -> Any:
        if check.rule.number not in self._by_parts:
            engine = self._table.whole(check.reads)
            values, aborted = engine.compute(check.metrics.values())
            refuse_aborted([check], aborted)
            return judge(check, values, engine)
        counted = {metric.id: self._counted(check, metric) for metric in check.metrics.values()}
        return judge(check, self._values | counted, self._schema)

    def _counted(self, check: ExpectationCheck, metric: MetricConfiguration) -> Any:
        """The metrics that are Great Expectations' of each part, and the two of failing rows, which are not."""
        if check.condition is not None and metric.metric_name == f"{check.expectation.map_metric}.unexpected_count":
            return self._tallies[check.rule.number].num_rows
        return [] if metric.metric_name.endswith(".unexpected_values") else self._values[metric.id]

    def _finding(self, check: ExpectationCheck, result: Any) -> ExpectationResult:
        tally = self._tallies.get(check.rule.number)
        observed = None if tally else _observed(result.result)
        return ExpectationResult(rule=check.rule, success=bool(result.success), tally=tally, observed=observed)


@contextmanager
def only_new_garbage() -> Iterator[None]:
    """Python's collector looks at what is made within the block, and leaves the libraries' million objects alone.

    Great Expectations' engines point at themselves, and each holds a part: they would pile up until the collector's own
    next turn, and memory would grow with the rows.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _needs_data_to_begin(rule: Rule) -> bool:
    """Great Expectations cuts the column into bins of its own before anything else, when it is not told which."""
    return rule.type == "expect_column_kl_divergence_to_be_less_than" and "partition_object" not in rule.kwargs


def _added(check: ExpectationCheck) -> list[MetricConfiguration]:
    """The metrics of a rule about rows that add up over the parts."""
    own = f"{check.expectation.map_metric}.unexpected"
    metrics = [metric for metric in check.metrics.values() if metric.metric_name not in OF_SCHEMA]
    return [metric for metric in metrics if not metric.metric_name.startswith(own)]


def _by_polars(expressions: dict[Any, pl.Expr], part: pl.DataFrame) -> dict[Any, int]:
    if not expressions:
        return {}
    counts = part.select(expression.alias(str(number)) for number, expression in enumerate(expressions.values()))
    return dict(zip(expressions, counts.row(0), strict=True))


def _observed(result: dict[str, Any]) -> Any:
    """What was found in the table; where Great Expectations leaves that out, what should not be there."""
    observed = result.get("observed_value")
    return plain(result.get("partial_unexpected_list") if observed is None else observed)
