"""A metric over time as a chart that a page draws itself: what was estimated, what labels told, what test rows had."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from tasks.monitoring.records import LabelWindow, RowWindow
from tasks.params.monitor import LossName
from tasks.reports import number

WIDTH, HEIGHT = 720.0, 200.0


@dataclass(frozen=True, kw_only=True)
class MetricChart:
    """Places in the chart, `WIDTH` across and `HEIGHT` down: `band` and `line` of the estimates as SVG has points,
    `spans` x, low and high of each label window's interval, `dots` x and y of its value, `test` how far down the test
    rows' value lies. `ends` are the least and the most in words, `days` the first and the last; `alt` says it in words.
    """

    metric: LossName
    band: str
    line: str
    spans: tuple[tuple[float, float, float], ...]
    dots: tuple[tuple[float, float], ...]
    test: float
    ends: tuple[str, str]
    days: tuple[str, str]
    alt: str


def metric_chart(
    metric: LossName, of_test: float, rows: Sequence[RowWindow], labels: Sequence[LabelWindow]
) -> MetricChart | None:
    """Of all windows; None where none has the metric."""
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
    scale = _Scale(min(days), max(days), min(ends), max(ends))
    upper = [scale.point(day, each.high) for day, each in estimates]
    lower = [scale.point(day, each.low) for day, each in reversed(estimates)]
    newest = f"; labels told {number(known[-1][1].value)} last" if known else ""
    estimate = f"estimated {number(estimates[-1][1].value)} last" if estimates else "not estimated"
    return MetricChart(
        metric=metric,
        band=_points([*upper, *lower]),
        line=_points([scale.point(day, each.value) for day, each in estimates]),
        spans=tuple(
            (scale.across(day), scale.down(each.low), scale.down(each.high))
            for day, each in known
            if each.low is not None and each.high is not None
        ),
        dots=tuple(scale.point(day, each.value) for day, each in known),
        test=scale.down(of_test),
        ends=(number(min(ends)), number(max(ends))),
        days=(f"{min(days)}", f"{max(days)}"),
        alt=f"{metric} over time: {number(of_test)} on test rows, {estimate}{newest}.",
    )


@dataclass(frozen=True)
class _Scale:
    first: date
    last: date
    least: float
    most: float

    def across(self, day: date) -> float:
        return round(WIDTH * (day - self.first).days / ((self.last - self.first).days or 1), 1)

    def down(self, value: float) -> float:
        return round(HEIGHT - HEIGHT * (value - self.least) / ((self.most - self.least) or 1.0), 1)

    def point(self, day: date, value: float) -> tuple[float, float]:
        return self.across(day), self.down(value)


def _points(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x},{y}" for x, y in places)
