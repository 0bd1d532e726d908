from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import UserError
from tasks.params.register import Bound
from tasks.promotion.gate import judge, not_comparable, promotion, value_of

share = st.floats(0, 1)


def test_a_gate_without_rules_lets_everything_pass():
    assert judge({}, {"accuracy": 0.1}).passed


def test_each_rule_is_judged_with_its_numbers():
    verdict = judge({"accuracy": Bound(min=0.95), "log_loss": Bound(max=0.3)}, {"accuracy": 0.9, "log_loss": 0.2})
    assert not verdict.passed
    assert [rule.metric for rule in verdict.failed] == ["accuracy"]
    assert verdict.failed[0].sentence() == "accuracy 0.9 is below the least that is allowed, 0.95"
    assert json.loads(verdict.model_dump_json())["rules"][1] == {
        "metric": "log_loss",
        "min": None,
        "max": 0.3,
        "value": 0.2,
        "passed": True,
    }


def test_a_bound_itself_is_allowed():
    assert judge({"accuracy": Bound(min=0.9, max=0.9)}, {"accuracy": 0.9}).passed


def test_above_the_most_fails_with_a_sentence():
    verdict = judge({"rmse": Bound(max=1.0)}, {"rmse": 1.5})
    assert verdict.failed[0].sentence() == "rmse 1.5 is above the most that is allowed, 1"


def test_a_metric_that_was_not_computed_names_those_that_were():
    with pytest.raises(UserError, match=r"register\.gate: rmse was not computed .*accuracy, f1"):
        judge({"rmse": Bound(max=1.0)}, {"accuracy": 0.9, "f1": 0.8})
    with pytest.raises(UserError, match=r"register\.metric: r2 "):
        value_of({"accuracy": 0.9}, "r2", "metric")


def test_the_first_version_becomes_champion():
    decision = promotion("accuracy", 0.1, 0.9, None)
    assert decision.promoted
    assert decision.gain is None


@pytest.mark.parametrize(
    ("metric", "margin", "challenger", "champion", "promoted"),
    [
        ("accuracy", 0.0, 0.91, 0.9, True),
        ("accuracy", 0.0, 0.9, 0.9, False),
        ("accuracy", 0.1, 0.7, 0.6, True),  # 0.7 - 0.6 is a little under 0.1 in floating point
        ("accuracy", 0.02, 0.91, 0.9, False),
        ("rmse", 1.0, 4.0, 5.0, True),
        ("rmse", 1.0, 5.0, 4.0, False),
        ("log_loss", 0.0, 0.3, 0.2, False),
    ],
)
def test_a_challenger_must_be_better_by_the_margin(metric, margin, challenger, champion, promoted):
    assert promotion(metric, margin, challenger, champion).promoted is promoted


@given(margin=share, first=share, second=share)
def test_two_versions_never_replace_each_other(margin, first, second):
    assert not (promotion("f1", margin, first, second).promoted and promotion("f1", margin, second, first).promoted)


@given(margin=share, challenger=share, champion=share)
def test_the_mirrored_metric_decides_the_same(margin, challenger, champion):
    up = promotion("accuracy", margin, challenger, champion)
    assert up.promoted == promotion("rmse", margin, -challenger, -champion).promoted


def test_a_champion_without_the_metric_stays():
    decision = not_comparable("f1", 0.0, 0.9)
    assert not decision.promoted
    assert "without f1" in decision.sentence
