"""Who becomes champion: by the interval of the difference, and by the margin."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from tasks.params.register import Register, ShadowRules
from tasks.promotion.contest import (
    Comparison,
    Promotion,
    SliceLoss,
    champion_already,
    contest,
    first_version,
    rejected_before,
    waiting,
    without_comparison,
)

figure = st.floats(-1, 1)


def settings(metric: str = "accuracy", **more) -> Register:
    return Register(metric=metric, **more)


def between(low: float, high: float, margin: float = 0.0, **more) -> Comparison:
    """A comparison whose 95 % interval is that of a normal number."""
    gain, error = (low + high) / 2, (high - low) / (2 * norm.isf(0.025))
    p_value = norm.sf((gain - margin) / error) if error else float(gain <= margin)
    figures = {"challenger": 0.684 + gain, "champion": 0.684, "low": low, "high": high, "num_rows": 272}
    sure = {"test": "DeLong's test", "p_value": p_value, "standard_error": error}
    return Comparison(**{**figures, **sure, **more})


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
def test_at_a_first_look_the_lower_end_must_be_above_the_margin(margin, low, high, promoted, outcome):
    decision = contest(settings(margin=margin), between(low, high, margin), 3, 0.996)
    assert decision.promoted is promoted
    assert outcome in decision.sentence


def test_the_sentence_has_the_rows_the_figures_and_the_test():
    decision = contest(settings(), between(0.012, 0.148, num_groups=40), 3, 0.996)
    assert decision.sentence == (
        "accuracy 0.7640 against the champion's 0.6840 on the same 272 test rows of 40 groups: +0.0800 "
        "(95 % interval of the difference +0.0120 to +0.1480; DeLong's test, p 0.011, and a first look at a champion "
        "asks for 0.025 at most), surely better, so it takes the champion's place"
    )
    assert (decision.champion_version, decision.champion_recorded) == (3, 0.996)


def test_who_is_refused_is_told_what_could_have_been_seen():
    decision = contest(settings(least_gain=0.04), between(-0.012, 0.148), 3, 0.996, look=4)
    error = 0.16 / (2 * norm.isf(0.025))
    assert decision.sentence.endswith(
        "p 0.048, and look 4 at this champion asks for 0.0025 at most), no sure difference, so the champion stays; "
        "less than 0.1489 would hardly be seen on these rows"
    )
    assert decision.visible_gain == pytest.approx(error * (norm.isf(0.0025) + norm.isf(0.2)))
    assert decision.power == pytest.approx(norm.cdf(0.04 / error - norm.isf(0.0025)))


def test_what_is_sure_enough_at_a_first_look_is_not_at_a_later_one():
    assert contest(settings(), between(0.012, 0.148), 3, 0.996, look=1).promoted
    assert not contest(settings(), between(0.012, 0.148), 3, 0.996, look=2).promoted


def test_who_is_better_as_a_whole_and_worse_in_a_slice_stays_challenger():
    loss = SliceLoss(name="town is Ulm", num_rows=90, loss=0.12, p_value=0.0001, adjusted_p_value=0.002)
    rules = settings(slices={"worse_by": 0.05})
    decision = contest(rules, between(0.012, 0.148, slices=(loss, loss)), 3, 0.996)
    assert not decision.promoted
    assert decision.slices == (loss, loss)
    assert decision.sentence.endswith(
        "asks for 0.025 at most), but where town is Ulm (90 rows) it is surely worse by more than the 0.05 that is "
        "allowed: by 0.1200 (p 0.002 after all slices) and one more slice, so the champion stays"
    )
    # What is not better needs no slice to be refused.
    assert "no sure difference" in contest(rules, between(-0.012, 0.148, slices=(loss,)), 3, 0.996).sentence


def test_too_few_rows_replace_no_champion():
    decision = contest(settings(min_rows=300), between(0.012, 0.148), 3, 0.996)
    assert not decision.promoted
    assert "too few rows, of which register.min_rows asks for 300, so the champion stays" in decision.sentence


def test_of_an_error_less_is_better():
    decision = contest(settings("rmse"), between(0.5, 1.5, challenger=4.0, champion=5.0), 1, None)
    assert decision.promoted
    assert decision.gain == 1.0


@given(low=figure, width=st.floats(0, 1), better=st.floats(0, 1), look=st.integers(1, 300))
def test_a_better_model_is_never_refused_for_being_better(low, width, better, look):
    """As sure a gain that is larger is promoted wherever the smaller one is."""
    worse, higher = (
        contest(settings(), between(low + more, low + width + more), 1, None, look) for more in (0, better)
    )
    assert higher.promoted or not worse.promoted


@given(margin=st.floats(0, 1), low=figure, width=st.floats(0, 1))
def test_two_versions_never_replace_each_other(margin, low, width):
    """Seen from the other side the interval is the mirrored one."""
    high = low + width
    one = contest(settings(margin=margin), between(low, high, margin), 1, None)
    other = contest(settings(margin=margin), between(-high, -low, margin), 2, None)
    assert not (one.promoted and other.promoted)


@pytest.mark.parametrize(("setting", "promoted"), [("keep_champion", False), ("promote", True)])
def test_without_a_comparison_the_settings_decide(setting, promoted):
    decision = without_comparison(settings(not_comparable=setting), 0.9, 4, 0.8, "column town is missing")
    assert decision.promoted is promoted
    assert "version 4, was not compared on today's test rows (column town is missing)" in decision.sentence
    assert ("`register: not_comparable: promote`" in decision.sentence) is not promoted


@pytest.mark.parametrize("setting", ["keep_champion", "promote"])
def test_with_a_shadow_none_becomes_champion_by_test_rows(setting):
    config = settings(shadow=ShadowRules(), not_comparable=setting)
    decision = contest(config, between(0.012, 0.148), 3, 0.996)
    assert (decision.promoted, decision.in_shadow) == (False, True)
    assert decision.sentence.endswith(
        "surely better, so this one is challenger, and proves itself beside the champion on live rows first "
        "(register.shadow)"
    )
    held = contest(config, between(-0.012, 0.148), 3, 0.996)
    assert (held.promoted, held.in_shadow) == (False, False)
    assert "no sure difference, so the champion stays" in held.sentence
    unknown = without_comparison(config, 0.9, 4, 0.8, "column town is missing")
    assert (unknown.promoted, unknown.in_shadow) == (False, setting == "promote")
    # But where there is none, somebody has to be.
    assert first_version(config, 0.9).promoted
    assert champion_already(config, 0.9, 4).promoted


def test_one_that_waits_and_one_that_has_lost_say_why():
    better = contest(settings(shadow=ShadowRules()), between(0.012, 0.148), 3, 0.996)
    waits = waiting(better, 4, "shop")
    assert not waits.in_shadow
    assert waits.sentence.endswith(
        "surely better, so this one waits without an alias, as version 4 proves itself on live rows now: train anew "
        "once that is decided, or have this one judged again (`modelwright run shop --from register --force`)"
    )
    lost = rejected_before(better, "accuracy 0.7 against 0.8")
    assert not lost.in_shadow
    assert lost.sentence == (
        "this model was tried on live rows before, and is not tried again beside the same champion: accuracy 0.7 "
        "against 0.8"
    )


def test_the_champion_itself_stays_what_it_is():
    assert champion_already(settings(), 0.9, 4).promoted


def test_a_decision_of_an_earlier_version_is_still_read():
    text = (
        '{"promoted": true, "metric": "accuracy", "margin": 0.0, "challenger": 0.95, "champion": 0.9, "gain": 0.05, '
        '"sentence": "accuracy 0.95 is better than the champion\'s 0.9"}'
    )
    assert Promotion.model_validate_json(text).gain == 0.05
