"""A metric over time as a chart that a page draws itself: what was estimated, what labels told, what test rows had."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from tasks.monitoring.axes import DayScale, Tick, value_scale
from tasks.monitoring.records import LabelWindow, RowWindow
from tasks.params.monitor import LossName
from tasks.params.register import Bound
from tasks.wording import number

WIDTH, HEIGHT = 720.0, 200.0
_UNITS: Mapping[LossName, str] = {
    "accuracy": "share of the rows",
    "log_loss": "nats a row",
    "brier": "squared error of the probabilities",
    "rmse": "in the target's unit",
    "mae": "in the target's unit",
}


@dataclass(frozen=True, kw_only=True)
class MetricChart:
    """Places in the chart, `WIDTH` across and `HEIGHT` down: `band` and `line` of the estimates as SVG has points,
    `spans` x, low and high of each label window's interval, `dots` x and y of its value, `test` how far down the test
    rows' value lies, `bounds` how far those that a rule sets. `values` and `days` are the marks of the axes, `unit` is
    what the values are in; `alt` says it all in words.
    """

    metric: LossName
    band: str
    line: str
    spans: tuple[tuple[float, float, float], ...]
    dots: tuple[tuple[float, float], ...]
    test: Tick
    bounds: tuple[Tick, ...]
    values: tuple[Tick, ...]
    days: tuple[Tick, ...]
    unit: str
    alt: str


def metric_chart(
    metric: LossName,
    of_test: float,
    rows: Sequence[RowWindow],
    labels: Sequence[LabelWindow],
    bound: Bound | None = None,
) -> MetricChart | None:
    """Of all windows, with what a rule allows the metric; None where no window has the metric."""
    estimates = [(one.end, each) for one in rows for each in one.estimates if each.metric == metric]
    known = [(one.end, each) for one in labels for each in one.metrics if each.metric == metric]
    if not estimates and not known:
        return None
    ends = [
        of_test,
        *(end for _, each in estimates for end in (each.low, each.high)),
        *(each.value for _, each in known),
    ]
    ends += [end for _, each in known for end in (each.low, each.high) if end is not None]
    days = [day for day, _ in estimates] + [day for day, _ in known]
    limits = {} if bound is None else {"at least": bound.min, "at most": bound.max}
    allowed = {words: value for words, value in limits.items() if value is not None}
    ends += allowed.values()
    across, down = DayScale(min(days), max(days), WIDTH), value_scale(min(ends), max(ends), HEIGHT)

    def point(day: date, value: float) -> tuple[float, float]:
        return across.across(day), down.down(value)

    newest = f"; labels told {number(known[-1][1].value)} last" if known else ""
    estimate = f"estimated {number(estimates[-1][1].value)} last" if estimates else "not estimated"
    upper = [point(day, each.high) for day, each in estimates]
    lower = [point(day, each.low) for day, each in reversed(estimates)]
    return MetricChart(
        metric=metric,
        band=_points([*upper, *lower]),
        line=_points([point(day, each.value) for day, each in estimates]),
        spans=tuple(
            (across.across(day), down.down(each.low), down.down(each.high))
            for day, each in known
            if each.low is not None and each.high is not None
        ),
        dots=tuple(point(day, each.value) for day, each in known),
        test=Tick(place=down.down(of_test), text=f"test rows {number(of_test)}"),
        bounds=tuple(Tick(place=down.down(value), text=f"{words} {number(value)}") for words, value in allowed.items()),
        values=down.ticks(),
        days=across.ticks(),
        unit=_UNITS[metric],
        alt=f"{metric} over time: {number(of_test)} on test rows, {estimate}{newest}.",
    )


def _points(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x},{y}" for x, y in places)
