"""What a test says in one line: the metric that the pipeline is judged by, how sure it is, and what it has to beat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pydantic import Field

from tasks.evaluation.baseline import Baseline
from tasks.evaluation.judge import Judge
from tasks.evaluation.judged_rows import JudgedRows
from tasks.evaluation.paired_bootstrap import FEWER_RESAMPLES, NUM_RESAMPLES, Interval, intervals, paired_interval
from tasks.evaluation.weighted_metrics import OfWeights
from tasks.model_input.decision import LIKELIEST
from tasks.params.config import Config, Metric
from tasks.params.register import LOWER_IS_BETTER

_MANY_ROWS = 5_000
"""Of more, all metrics at once take longer than the ends of their intervals are worth."""

_LARGER_WHEN_DRAWN: Metric = "calibration_error"
"""Rows that are drawn twice make it larger than it is, so an interval by drawing would not hold it."""


class Summary(Config):
    """evaluation.json: the metric's value on the test rows, and where it lies with 95 % confidence on other rows.

    The ends are None where there is one row or group alone, and of the calibration error. `beats` is whether the model
    is surely better than the baseline on the same rows, None where that cannot be said. `intervals` are those of all
    metrics.
    """

    metric: Metric
    value: float
    low: float | None
    high: float | None
    num_rows: int
    num_groups: int | None
    baseline: str
    baseline_value: float
    beats: bool | None
    intervals: dict[Metric, tuple[float, float] | None] = Field(default_factory=dict)


def summary(judge: Judge, rows: JudgedRows, baseline: Baseline, metrics: Sequence[Metric] = ()) -> Summary:
    """Of the model's answers to these rows; `metrics` are those of which intervals are asked."""
    metric, y_true = judge.metric, rows.predictions.y_true
    of_model = judge.of(y_true, rows.predictions.y_score)
    # Without the model's threshold, which would answer one class to all rows that is not the baseline's.
    of_baseline = replace(judge, decision=LIKELIEST).of(y_true, baseline.answers(len(y_true)))
    interval = paired_interval(of_model, lambda _: 0.0, rows.weights, rows.groups)
    better, worse = (of_baseline, of_model) if metric in LOWER_IS_BETTER else (of_model, of_baseline)
    gain = paired_interval(better, worse, rows.weights, rows.groups)
    ends = (interval.low, interval.high) if interval and metric != _LARGER_WHEN_DRAWN else None
    return Summary(
        metric=metric,
        value=of_model(rows.weights),
        low=ends[0] if ends else None,
        high=ends[1] if ends else None,
        num_rows=len(y_true),
        num_groups=_num_groups(rows, interval),
        baseline=baseline.name,
        baseline_value=of_baseline(rows.weights),
        beats=gain.low > 0 if gain else None,
        # The pipeline's own metric has one interval, whichever place shows it.
        intervals={**_intervals(judge, rows, metrics), **({metric: ends} if metric in metrics else {})},
    )


def _intervals(judge: Judge, rows: JudgedRows, metrics: Sequence[Metric]) -> dict[Metric, tuple[float, float] | None]:
    asked = [metric for metric in metrics if metric not in (judge.metric, _LARGER_WHEN_DRAWN)]
    of_weights: dict[Metric, OfWeights] = {
        metric: replace(judge, metric=metric).of(rows.predictions.y_true, rows.predictions.y_score) for metric in asked
    }
    num_resamples = FEWER_RESAMPLES if len(rows.weights) > _MANY_ROWS else NUM_RESAMPLES
    ends = intervals(of_weights, rows.weights, rows.groups, num_resamples)
    return {metric: ends.get(metric) for metric in metrics}


def _num_groups(rows: JudgedRows, interval: Interval | None) -> int | None:
    return interval.num_units if interval and rows.groups is not None else None
