"""Who becomes champion: by the interval of the difference, and by the margin."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.params.register import Register
from tasks.promotion.contest import (
    Comparison,
    Promotion,
    champion_already,
    contest,
    first_version,
    without_comparison,
)

figure = st.floats(-1, 1)


def settings(metric: str = "accuracy", **more) -> Register:
    return Register(metric=metric, **more)


def between(low: float, high: float, **more) -> Comparison:
    return Comparison(**{"challenger": 0.764, "champion": 0.684, "low": low, "high": high, "num_rows": 272, **more})


def test_the_first_version_becomes_champion():
    decision = first_version(settings(), 0.9)
    assert decision.promoted
    assert decision.sentence == "the first version that passed the gate is champion, with accuracy 0.9000"


@pytest.mark.parametrize(
    ("margin", "low", "high", "promoted", "outcome"),
    [
        (0.0, 0.01, 0.15, True, "surely better, so it takes the champion's place"),
        (0.0, -0.01, 0.15, False, "no sure difference, so the champion stays"),
        (0.0, 0.0, 0.0, False, "no sure difference, so the champion stays"),
        (0.0, -0.2, -0.1, False, "surely worse, so the champion stays"),
        (0.02, 0.01, 0.15, False, "not surely better by more than the margin of 0.02, so the champion stays"),
        (0.02, 0.03, 0.15, True, "surely better by more than 0.02, so it takes the champion's place"),
        (-0.02, -0.01, 0.15, True, "surely not 0.02 worse, so it takes the champion's place"),
        (-1e6, -2.0, 9.0, True, "surely not 1,000,000 worse, so it takes the champion's place"),
        (-0.02, 0.0, 0.0, True, "surely not 0.02 worse, so it takes the champion's place"),
        (-0.02, -0.03, 0.15, False, "not surely within the margin of 0.02, so the champion stays"),
    ],
)
def test_the_lower_end_must_be_above_the_margin(margin, low, high, promoted, outcome):
    decision = contest(settings(margin=margin), between(low, high), 3, 0.996)
    assert decision.promoted is promoted
    assert decision.sentence.endswith(outcome)


def test_the_sentence_has_the_rows_the_figures_and_the_interval():
    decision = contest(settings(), between(0.012, 0.15, num_groups=40), 3, 0.996)
    assert decision.sentence == (
        "accuracy 0.7640 against the champion's 0.6840 on the same 272 test rows of 40 groups: +0.0800 "
        "(95 % interval of the difference +0.0120 to +0.1500), surely better, so it takes the champion's place"
    )
    assert (decision.champion_version, decision.champion_recorded) == (3, 0.996)


def test_of_an_error_less_is_better():
    decision = contest(settings("rmse"), between(0.5, 1.5, challenger=4.0, champion=5.0), 1, None)
    assert decision.promoted
    assert decision.gain == 1.0


@given(margin=st.floats(0, 1), low=figure, width=st.floats(0, 1))
def test_two_versions_never_replace_each_other(margin, low, width):
    """Seen from the other side the interval is the mirrored one."""
    high = low + width
    one = contest(settings(margin=margin), between(low, high), 1, None)
    other = contest(settings(margin=margin), between(-high, -low), 2, None)
    assert not (one.promoted and other.promoted)


@pytest.mark.parametrize(("setting", "promoted"), [("keep_champion", False), ("promote", True)])
def test_without_a_comparison_the_settings_decide(setting, promoted):
    decision = without_comparison(settings(not_comparable=setting), 0.9, 4, 0.8, "column town is missing")
    assert decision.promoted is promoted
    assert "version 4, was not compared on today's test rows (column town is missing)" in decision.sentence
    assert ("`register: not_comparable: promote`" in decision.sentence) is not promoted


def test_the_champion_itself_stays_what_it_is():
    assert champion_already(settings(), 0.9, 4).promoted


def test_a_decision_of_an_earlier_version_is_still_read():
    text = (
        '{"promoted": true, "metric": "accuracy", "margin": 0.0, "challenger": 0.95, "champion": 0.9, "gain": 0.05, '
        '"sentence": "accuracy 0.95 is better than the champion\'s 0.9"}'
    )
    assert Promotion.model_validate_json(text).gain == 0.05
