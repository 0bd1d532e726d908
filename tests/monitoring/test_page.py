"""The page shows what was found, needs nothing else, and obeys nothing that names hold."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.monitoring.axes import DayScale, value_scale
from tasks.monitoring.cells import CellCuts
from tasks.monitoring.chart import HEIGHT, WIDTH, metric_chart
from tasks.monitoring.estimated_performance import EstimatedMetric
from tasks.monitoring.look import Look
from tasks.monitoring.page import NO_WINDOW, drifted_now, lines_of, page_of
from tasks.monitoring.records import (
    ColumnChange,
    FiredRule,
    LabelWindow,
    MetricOfWindow,
    RowWindow,
    as_counts,
    as_kept,
    label_windows,
    row_windows,
    state_of,
    write_window,
)
from tasks.monitoring.reference import CountedColumn, Reference
from tasks.monitoring.rules import rules_of_labels, rules_of_service
from tasks.monitoring.shadow import ShadowStanding
from tasks.monitoring.windows import windows_between
from tasks.params.monitor import MonitorRules
from tasks.params.register import Bound
from tasks.promotion.shadow import ShadowPair
from tests.web_pages import DARK, LIGHT, measured, shown

BEGIN, DAY = date(2026, 3, 1), timedelta(days=1)
NAME = "<b>age</b>\x1b[31m"


def change(column: str = NAME) -> ColumnChange:
    sentence = f"{column}: half of the values lie below some 75, and did below some 50"
    return ColumnChange(place=0, column=column, test="level", windows=1, p_value=1e-9, sentence=sentence)


def of_rows(number: int, **more: Any) -> RowWindow:
    values: dict[str, Any] = {
        "num_rows": 200,
        "num_errors": 3,
        "num_asked": 2_000.0,
        "least_a_day": 2_000.0,
        "latency_p95_ms": None,
        "counts": ({0: (1.0, 2.0)},),
        "estimates": (EstimatedMetric(metric="mae", value=10.0, low=9.0, high=11.0, num_rows=197, beyond=0.0),),
        "changes": (),
        "fired": (),
    }
    begin = BEGIN + (number - 1) * DAY
    return RowWindow(number=number, begin=begin, end=begin + DAY, **{**values, **more})


def of_labels(number: int, **more: Any) -> LabelWindow:
    begin = BEGIN + (number - 1) * DAY
    mae = MetricOfWindow(metric="mae", value=15.0, low=12.0, high=18.0, num_rows=90)
    values: dict[str, Any] = {"num_rows": 90, "counts": ({},), "metrics": (mae,), "changes": (), "fired": ()}
    return LabelWindow(number=number, begin=begin, end=begin + DAY, **{**values, **more})


def look(rows: list[RowWindow], labels: list[LabelWindow]) -> Look:
    cuts = CellCuts(name=NAME, kind="number", edges=(0.0, 1.0))
    column = CountedColumn(cuts=cuts, counts=((1.0, 1.0, 1.0, 0.0),))
    reference = Reference(
        version=3, season="none", classes=(), num_rows=3, columns=(column,), answers=(column,), losses=(column,),
        metrics={"mae": 10.0, "rmse": 14.0},
    )  # fmt: skip
    model: Any = SimpleNamespace(shown="bikes version 3 (champion)", name="bikes", version=3, alias="champion")
    return Look(
        model=model, reference=reference, rows=rows, labels=labels, num_new_rows=1, num_new_labels=0, num_waiting=7
    )


def test_the_page_shows_what_fired_since_when_and_the_numbers_and_needs_nothing_else() -> None:
    fired = (FiredRule(rule="drifted_columns", sentence="one column has surely drifted"),)
    rows = [of_rows(1), of_rows(2, changes=(change(),)), of_rows(3, changes=(change(),), fired=fired)]
    text = page_of(look(rows, [of_labels(2)]))
    assert text == page_of(look(rows, [of_labels(2)]))
    for content in (
        "drifted",
        "one column has surely drifted",
        "2026-03-02",
        "half of the values lie below some 75",
        "15 (12 to 18)",
    ):
        assert content in text
    assert re.findall(r"(?:src|href|url)\s*[=(]\s*[\"']?(?!data:)", text) == []
    assert "<script" not in text
    assert "prefers-color-scheme: dark" in text
    assert "<b>age" not in text
    assert "\x1b" not in text
    assert "&lt;b&gt;age&lt;/b&gt;\\x1b[31m" in text


def proving() -> ShadowStanding:
    return ShadowStanding(
        pair=ShadowPair(champion=3, challenger=4, since="2026-03-01T09:00:00.000+00:00"),
        state="proving",
        num_challenger=1_250,
        num_common=1_200,
        num_labelled=59,
        verdict=None,
        sentence="version 4 proves itself beside version 3; both have answered 59 labelled live rows",
        remarks=("once it is champion, it cannot be watched",),
    )


def test_a_challenger_stands_on_the_page_with_its_rows_from_one_count_to_the_next() -> None:
    one = look([of_rows(1)], [])
    text = page_of(one, shadow=proving())
    for content in ("The challenger beside it", "version 4 proves itself beside version 3", "1,250", "1,200", ">59<"):
        assert content in text
    assert "it cannot be watched" in text
    assert [*lines_of(one, proving())][-2:] == [
        "  challenger, proving: version 4 proves itself beside version 3; both have answered 59 labelled live rows",
        "  once it is champion, it cannot be watched",
    ]
    assert "The challenger beside it" not in page_of(one)


@pytest.mark.chain
def test_in_a_browser_the_page_fits_its_window_in_light_and_dark_and_has_all_of_its_parts(tmp_path: Path) -> None:
    fired = (FiredRule(rule="drifted_columns", sentence="one column has surely drifted"),)
    rows = [of_rows(number, changes=(change(),), fired=fired) for number in range(1, 12)]
    text = page_of(look(rows, [of_labels(number) for number in range(1, 8)]), {"mae": Bound(max=20.0)}, proving())
    windows = [(text, 400, False), (text, 1280, False), (text, 1280, True), (page_of(look([], [])), 400, True)]
    pages = measured(windows, tmp_path)
    assert [one.content - one.window for one in pages] == [0, 0, 0, 0]
    assert [one.colour for one in pages] == [LIGHT, LIGHT, DARK, DARK]
    (tmp_path / "page.html").write_text(text)
    parts = shown((tmp_path / "page.html").as_uri(), tmp_path / "profile", seconds=1)
    headings = re.findall(r"<h2[^>]*>([^<]+)</h2>", parts)
    assert headings == [
        "How good the answers are",
        "What has changed",
        "The challenger beside it",
        "Labels that came",
        "Windows of rows",
    ]
    assert parts.count("<circle") == 7


def test_a_version_without_windows_has_a_page_too() -> None:
    empty = look([], [])
    assert (empty.state, empty.fired) == ("unknown", [])
    assert f"There is {NO_WINDOW}." in page_of(empty)
    assert list(lines_of(empty))[:2] == ["bikes version 3 (champion): unknown", f"  {NO_WINDOW}; 7 rows wait for more"]


def test_a_column_has_drifted_since_the_first_of_the_windows_that_say_so_without_a_break() -> None:
    rows = [
        of_rows(1, changes=(change(),)),
        of_rows(2),
        of_rows(3, changes=(change(),)),
        of_rows(4, changes=(change(),)),
    ]
    assert [(one.column, one.since) for one in drifted_now(look(rows, []))] == [(NAME, "2026-03-03")]


def test_a_chart_has_round_values_around_its_extremes_and_days_from_the_first_to_the_last() -> None:
    chart = metric_chart("mae", 10.0, [of_rows(1), of_rows(3)], [of_labels(2)])
    assert chart is not None
    # From 9, an estimate's lower end, to 18, the upper one of a label's interval: round values hold both.
    assert [(tick.text, tick.place) for tick in chart.values] == [
        ("8", HEIGHT), ("10", 160.0), ("12", 120.0), ("14", 80.0), ("16", 40.0), ("18", 0.0),
    ]  # fmt: skip
    assert chart.spans == ((WIDTH / 2, 120.0, 0.0),)
    assert (chart.test.text, chart.test.place) == ("test rows 10", 160.0)
    assert chart.line.split()[0].split(",")[0] == "0.0"
    assert chart.line.split()[-1].split(",")[0] == f"{WIDTH}"
    assert [(tick.text, tick.place) for tick in chart.days] == [
        ("2026-03-02", 0.0), ("2026-03-03", WIDTH / 2), ("2026-03-04", WIDTH),
    ]  # fmt: skip
    assert metric_chart("accuracy", 0.9, [of_rows(1)], []) is None


def test_windows_are_kept_as_they_are(tmp_path: Path) -> None:
    rows = [of_rows(number, changes=(change(),)) for number in range(1, 12)]
    for window in (*rows, of_labels(1)):
        write_window(tmp_path, window)
    assert row_windows(tmp_path) == rows
    assert label_windows(tmp_path) == [of_labels(1)]
    counts = np.array([[0.0, 0.0], [1.0, 2.0], [0.0, 0.0]])
    assert as_counts(as_kept(counts), 3, 2).tolist() == counts.tolist()


def test_a_larger_loss_weighs_more_than_drift_and_drift_more_than_nothing() -> None:
    worse = of_labels(1, fired=(FiredRule(rule="larger_loss", sentence="worse"),))
    drifted = of_rows(1, changes=(change(),))
    assert state_of([drifted], [worse]) == "degraded"
    assert state_of([drifted], [of_labels(1)]) == "drifted"
    assert state_of([of_rows(1)], [of_labels(1)]) == "healthy"
    # The newest windows alone: what was put right is healthy again.
    assert state_of([drifted, of_rows(2)], [worse, of_labels(2)]) == "healthy"


@pytest.mark.parametrize(
    ("of_day", "windows"),
    [
        ({0: 100, 1: 100}, [(0, 1), (1, 2)]),
        ({0: 40, 1: 40, 2: 40, 3: 200}, [(0, 3), (3, 4)]),
        ({0: 10, 4: 100}, [(0, 5)]),
        ({0: 100, 1: 10}, [(0, 1)]),
        ({}, []),
    ],
)
def test_a_window_is_a_day_or_as_many_as_it_takes(of_day: dict[int, int], windows: list[tuple[int, int]]) -> None:
    days = {BEGIN + day * DAY: count for day, count in of_day.items()}
    spans = windows_between(days, BEGIN, BEGIN + 5 * DAY, 100)
    assert [((begin - BEGIN).days, (end - BEGIN).days) for begin, end in spans] == windows


def test_rules_of_service_and_quality_fire_beyond_their_bounds_alone() -> None:
    rules = MonitorRules(latency_p95_ms=50.0, error_share=0.02, least_rows=1_000)
    assert [*rules_of_service(rules, 100, 2, 50.0, 1_000.0)] == []
    fired = [rule.rule for rule in rules_of_service(rules, 100, 3, 51.0, 999.0)]
    assert fired == ["latency_p95_ms", "error_share", "least_rows"]
    assert [*rules_of_service(rules, 100, 0, None, 1_000.0)] == []
    mae = of_labels(1).metrics
    bounds = MonitorRules(quality={"mae": Bound(max=16.0), "accuracy": Bound(min=0.9)})
    assert [*rules_of_labels(bounds, mae, [])] == []
    sure = MonitorRules(quality={"mae": Bound(max=16.0, surely=True)})
    assert [rule.rule for rule in rules_of_labels(sure, mae, [])] == ["quality"]
    # Of 15, 12 to 18, nobody knows whether it is above 14, and it surely is above 10.
    for most, fires in ((14.0, []), (10.0, ["quality"])):
        broken = MonitorRules(quality={"mae": Bound(max=most, surely="broken")})
        assert [rule.rule for rule in rules_of_labels(broken, mae, [])] == fires
    assert [rule.rule for rule in rules_of_labels(rules, mae, [change("loss")])] == ["larger_loss"]
    assert replace(look([], []), num_waiting=0).new == []


def test_what_a_rule_allows_is_drawn_and_named() -> None:
    chart = metric_chart("mae", 10.0, [of_rows(1)], [of_labels(2)], Bound(max=20.0, min=4.0))
    assert chart is not None
    assert [(tick.text, tick.place) for tick in chart.bounds] == [("at least 4", 160.0), ("at most 20", 0.0)]
    rows = [of_rows(1)]
    assert "at most 20" in page_of(look(rows, []), {"mae": Bound(max=20.0)})
    assert "at most" not in page_of(look(rows, []), {"accuracy": Bound(min=0.5)})


@pytest.mark.parametrize(
    ("least", "most", "texts"),
    [
        (0.913, 0.9412, ["0.91", "0.92", "0.93", "0.94", "0.95"]),
        (54.7, 190.2, ["50", "100", "150", "200"]),
        (0.0, 1.0, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (1_234.0, 9_876.0, ["0", "2,000", "4,000", "6,000", "8,000", "10,000"]),
        (-3.0, 3.0, ["-4", "-2", "0", "2", "4"]),
    ],
)
def test_values_of_an_axis_are_round(least: float, most: float, texts: list[str]) -> None:
    assert [tick.text for tick in value_scale(least, most, HEIGHT).ticks()] == texts


@settings(deadline=None, max_examples=200)
@given(st.floats(-1e9, 1e9), st.floats(0, 1e9))
def test_an_axis_holds_its_values_between_a_few_marks(least: float, spread: float) -> None:
    most = least + spread
    scale = value_scale(least, most, HEIGHT)
    places = [tick.place for tick in scale.ticks()]
    assert 2 <= len(places) <= 7
    assert (places[0], places[-1]) == (HEIGHT, 0.0)
    assert -0.1 <= scale.down(most) <= scale.down(least) <= HEIGHT + 0.1


@pytest.mark.parametrize("days", [0, 1, 2, 3, 7, 11, 30, 365, 1_000])
def test_days_of_an_axis_are_few_and_rise_to_its_ends(days: int) -> None:
    ticks = DayScale(BEGIN, BEGIN + days * DAY, WIDTH).ticks()
    texts = [tick.text for tick in ticks]
    assert len(texts) <= 6
    assert texts == sorted(set(texts))
    assert (texts[0], texts[-1]) == (f"{BEGIN}", f"{BEGIN + days * DAY}")
