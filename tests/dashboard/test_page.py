"""The page as people see it: all that there is stands on it, as text whatever it holds, in a window of any width."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tasks.dashboard.page import ago, lasted, render_dashboard
from tests.dashboard.shown_project import HOSTILE, NOW, churn, current, every_kind, page, refused, run
from tests.web_pages import DARK, LIGHT, measured


def words(text: str) -> str:
    return html.unescape(" ".join(re.sub(r"<style.*?</style>|<[^>]+>", " ", text, flags=re.DOTALL).split()))


def test_a_pipeline_has_its_state_with_why_its_metric_and_its_champion() -> None:
    text = words(render_dashboard(page([churn()])))
    assert "out of date train : train.num_leaves 7 -> 31 every stage, and why" in text
    assert "register : train.num_leaves 7 -> 31" in text
    assert "roc_auc 0.9312 95 %: 0.9127 to 0.9474 2,410 test rows" in text
    assert "version 5 since 2026-09-19 12:00 challenger: version 6" in text
    assert "version 4 since 2026-07-15 12:00, 78 days ago by Ada: too many false alarms" in text
    assert "no champion noticed 2026-07-13 14:24" in text
    assert "and 2 before: modelwright history churn" in text
    assert "2026-10-01 10:00 churn num_leaves 7 -> 31 finished 3 min roc_auc 0.9312" in text
    assert "age is distributed otherwise: its median is 41, and was 36" in text


def test_seconds_are_the_trainings_alone_unless_it_is_said() -> None:
    runs = (run("churn", "a", "FINISHED", 2.0, 192.0), replace(run("churn", "b", "Failed", 1.0, 41.0), is_whole=True))
    text = words(render_dashboard(page([replace(churn(), runs=runs)])))
    assert "Training took" in text
    assert "churn a finished 3 min" in text
    assert "churn b failed 41 s in all stages" in text


def test_a_gate_that_said_no_is_told_with_its_numbers() -> None:
    text = words(render_dashboard(page([refused()])))
    assert "register said no register : never ran rmse 48123.4 is above the most that is allowed, 40000" in text
    assert "Gate said no 1" in text


def test_the_counts_are_those_of_the_pipelines() -> None:
    dashboard = every_kind()
    kinds = [dashboard.count(kind) for kind in ("current", "outdated", "never ran", "looking")]
    # The one that cannot be read counts as nothing else.
    assert kinds == [1, 2, 1, 0]
    assert (dashboard.num_refused, dashboard.num_drifted) == (1, 2)
    assert [run.pipeline for run in dashboard.last_runs] == ["house-prices", "churn", HOSTILE, "churn", "digits"]


def test_names_and_cells_are_text_whatever_they_hold() -> None:
    text = render_dashboard(every_kind())
    assert "<script" not in text
    assert 'onclick="' not in text.replace("&#34; onclick=", "")
    assert html.escape(HOSTILE) in text
    # Signs that a terminal obeys, and those that turn the direction of text, are written out.
    assert "letters\\u202e, digits\\x1b[31m" in text


def test_nothing_is_fetched_from_elsewhere_and_it_comes_anew_only_while_something_is_missing() -> None:
    text = render_dashboard(every_kind())
    assert re.findall(r"(?:src|url\(|@import|<link(?! rel=\"icon\" href=\"data:,\"))", text) == []
    assert "http-equiv" not in text
    assert '<meta http-equiv="refresh" content="2">' in render_dashboard(every_kind(), again=2)


def test_twenty_pipelines_have_a_row_each() -> None:
    text = render_dashboard(page([current(f"digits-{place}") for place in range(20)]))
    assert text.count('<span class="chip good">up to date</span>') == 20
    # Of the runs the newest ones alone.
    assert text.count(">first: cnn</a>") == 15


@pytest.mark.parametrize(
    ("passed", "told"),
    [
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(hours=2, minutes=59), "2 hours ago"),
        (timedelta(days=1), "1 day ago"),
        (timedelta(days=1400), "1,400 days ago"),
    ],
)
def test_how_long_ago(passed: timedelta, told: str) -> None:
    assert ago(NOW - passed, NOW) == told


def test_how_long_it_took() -> None:
    assert [lasted(seconds) for seconds in (None, 0.44, 12.3, 59.9, 192, 3600, 7500)] == [
        "",
        "0.4 s",
        "12 s",
        "60 s",
        "3 min",
        "1 h 0 min",
        "2 h 5 min",
    ]


@pytest.mark.chain
def test_in_a_browser_nothing_is_wider_than_the_window_and_both_colour_schemes_are_there(tmp_path: Path) -> None:
    windows = [
        (every_kind(), 400, False),
        (every_kind(), 1280, False),
        (every_kind(), 400, True),
        (page([]), 400, False),
    ]
    pages = measured([(render_dashboard(one), width, dark) for one, width, dark in windows], tmp_path)
    assert [one.content - one.window for one in pages] == [0, 0, 0, 0]
    assert [one.colour for one in pages] == [LIGHT, LIGHT, DARK, LIGHT]
    # In a narrow window cells stand under each other.
    assert pages[0].height > 1.3 * pages[1].height
