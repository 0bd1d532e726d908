"""Whether a window keeps the rules of `monitor.rules`; each that it does not keep, with the numbers. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tasks.measures import Measure
from tasks.monitoring.records import ColumnChange, FiredRule, MetricOfWindow
from tasks.params.monitor import MonitorRules
from tasks.params.register import Bound, Bounded
from tasks.promotion.gate import judge
from tasks.wording import percent

_NUM_NAMED = 3


def rules_of_changes(
    rules: MonitorRules, columns: Sequence[ColumnChange], answers: Sequence[ColumnChange]
) -> Iterator[FiredRule]:
    """Of rows and answers that are others than they were."""
    drifted = list(dict.fromkeys(change.column for change in columns))
    if rules.drifted_columns is not None and len(drifted) >= rules.drifted_columns:
        many = f"{len(drifted)} columns have" if drifted[1:] else "one column has"
        yield FiredRule(rule="drifted_columns", sentence=f"{many} surely drifted; {_first(columns)}")
    if rules.drifted_answers and answers:
        yield FiredRule(rule="drifted_answers", sentence=f"the answers have surely changed; {_first(answers)}")


def rules_of_service(
    rules: MonitorRules, num_rows: int, num_errors: int, latency_p95_ms: float | None, least_a_day: float
) -> Iterator[FiredRule]:
    """Of how rows were answered, whatever the answers are."""
    if rules.latency_p95_ms is not None and latency_p95_ms is not None and latency_p95_ms > rules.latency_p95_ms:
        sentence = (
            f"one request in twenty took longer than {latency_p95_ms:.4g} ms; {rules.latency_p95_ms:g} is allowed"
        )
        yield FiredRule(rule="latency_p95_ms", sentence=sentence)
    share = num_errors / max(num_rows, 1)
    if rules.error_share is not None and share > rules.error_share:
        sentence = (
            f"{percent(share)} of {num_rows:,} rows could not be answered; {percent(rules.error_share)} is allowed"
        )
        yield FiredRule(rule="error_share", sentence=sentence)
    if rules.least_rows is not None and least_a_day < rules.least_rows:
        sentence = f"a day had {least_a_day:,.0f} rows; {rules.least_rows:,} is the least"
        yield FiredRule(rule="least_rows", sentence=sentence)


def rules_of_labels(
    rules: MonitorRules, metrics: Sequence[MetricOfWindow], larger: Sequence[ColumnChange]
) -> Iterator[FiredRule]:
    """Of labelled rows; `larger` are the changes by which their loss has surely grown."""
    if rules.larger_loss and larger:
        yield FiredRule(rule="larger_loss", sentence=f"answers are surely worse than of test rows; {_first(larger)}")
    measures: dict[str, Measure] = {
        one.metric: Measure(value=one.value, low=one.low, high=one.high, num_rows=one.num_rows) for one in metrics
    }
    # A rule of classes asks nothing of numbers: which metrics a window has is the task's to say.
    bounds: dict[Bounded, Bound] = {name: bound for name, bound in rules.quality.items() if name in measures}
    for failed in judge(bounds, measures).failed:
        yield FiredRule(rule="quality", sentence=failed.sentence())


def _first(changes: Sequence[ColumnChange]) -> str:
    sentences = list(dict.fromkeys(change.sentence for change in changes))
    more = f" and {len(sentences) - _NUM_NAMED:,} more" if len(sentences) > _NUM_NAMED else ""
    return "; ".join(sentences[:_NUM_NAMED]) + more
