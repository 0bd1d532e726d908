from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from tasks.errors import UserError
from tasks.measures import Measure, measures_of_metrics
from tasks.params.register import Bound
from tasks.promotion import gate
from tasks.promotion.gate import Verdict, value_of

share = st.floats(0.0, 1.0)


def judge(bounds, metrics, intervals=None, num_rows=None) -> Verdict:
    return gate.judge(bounds, measures_of_metrics(metrics, intervals or {}, num_rows))


def test_a_gate_without_rules_lets_everything_pass():
    assert judge({}, {"accuracy": 0.1}).passed


def test_each_rule_is_judged_with_its_numbers():
    verdict = judge({"accuracy": Bound(min=0.95), "log_loss": Bound(max=0.3)}, {"accuracy": 0.9, "log_loss": 0.2})
    assert not verdict.passed
    assert [rule.metric for rule in verdict.failed] == ["accuracy"]
    assert verdict.failed[0].sentence() == "accuracy 0.9 is below the least that is allowed, 0.95"
    assert json.loads(verdict.model_dump_json())["rules"][1] == {
        "metric": "log_loss",
        "of": None,
        "min": None,
        "max": 0.3,
        "surely": False,
        "value": 0.2,
        "low": None,
        "high": None,
        "num_rows": None,
        "p_value": None,
        "visible_gain": None,
        "num_tests": None,
        "passed": True,
    }
    assert verdict.decision == "reject"


@given(value=share, low=share, high=share, least=share, most=share)
def test_who_keeps_a_bound_surely_keeps_it_and_a_better_one_is_never_refused(value, low, high, least, most):
    bounds = {"accuracy": Bound(min=least), "log_loss": Bound(max=most)}
    surely = {name: bound.model_copy(update={"surely": True}) for name, bound in bounds.items()}
    metrics = {"accuracy": value, "log_loss": value}
    intervals = dict.fromkeys(metrics, (min(low, value), max(high, value)))
    if judge(surely, metrics, intervals, 100).passed:
        assert judge(bounds, metrics, intervals, 100).passed
    # Better by both, with an interval that moves along.
    better = {"accuracy": value + 0.1, "log_loss": value - 0.1}
    moved = {"accuracy": tuple(end + 0.1 for end in intervals["accuracy"])}
    moved["log_loss"] = tuple(end - 0.1 for end in intervals["log_loss"])
    for rules in (bounds, surely):
        assert judge(rules, better, moved, 100).passed or not judge(rules, metrics, intervals, 100).passed


@given(order=st.permutations(["accuracy", "f1", "log_loss"]), value=share)
def test_the_order_of_rules_does_not_matter(order, value):
    bounds = {"accuracy": Bound(min=0.5), "f1": Bound(min=0.3, max=0.9), "log_loss": Bound(max=0.6)}
    metrics = dict.fromkeys(bounds, value)
    there, back = (judge({name: bounds[name] for name in names}, metrics) for names in (order, order[::-1]))
    assert there.decision == back.decision
    assert {rule.metric for rule in there.failed} == {rule.metric for rule in back.failed}


def test_what_is_asked_for_surely_needs_the_whole_interval():
    bounds = {"accuracy": Bound(min=0.85, surely=True)}
    assert judge(bounds, {"accuracy": 0.9}, {"accuracy": (0.86, 0.94)}, 300).passed
    (rule,) = judge(bounds, {"accuracy": 0.9}, {"accuracy": (0.84, 0.95)}, 100).failed
    assert rule.sentence() == "accuracy 0.9 keeps its bounds, but not surely: it may be 0.84 to 0.95"
    assert (rule.low, rule.high, rule.num_rows) == (0.84, 0.95, 100)
    (rule,) = judge(bounds, {"accuracy": 0.9}, {"accuracy": None}, 1).failed
    assert rule.sentence() == "accuracy 0.9 has no interval on these rows, and the rule asks for a sure one"


@given(value=share, reach=st.floats(0.001, 0.3), least=share, most=share)
def test_a_p_value_agrees_with_the_interval(value, reach, least, most):
    interval = {"accuracy": (value - reach, value + 2 * reach)}
    (rule,) = judge({"accuracy": Bound(min=least, surely=True)}, {"accuracy": value}, interval, 100).rules
    assert (rule.p_value <= 0.025) == rule.passed or value - reach == pytest.approx(least)
    both = Bound(min=min(least, most), max=max(least, most), surely=True)
    (rule,) = judge({"accuracy": both}, {"accuracy": value}, interval, 100).rules
    assert not rule.passed or rule.p_value <= 0.025 + 1e-9


def test_a_sure_rule_is_kept_wrongly_as_often_as_said_and_seen_as_often_as_said():
    """Normal measures whose true value stands on the bound, or away from it by what is said to be visible."""
    random, error = np.random.default_rng(0), 0.02

    def share_kept(truth: float) -> float:
        drawn = random.normal(truth, error, 4000)
        reach = error * norm.isf(0.025)
        return float(np.mean([_sure(value, (value - reach, value + reach)).passed for value in drawn]))

    gain = _sure(0.9, (0.9 - error * norm.isf(0.025), 1.0)).visible_gain
    assert share_kept(0.8) == pytest.approx(0.025, abs=2.5 * np.sqrt(0.025 * 0.975 / 4000))
    assert share_kept(0.8 + gain) == pytest.approx(0.8, abs=2.5 * np.sqrt(0.8 * 0.2 / 4000))


def _sure(value: float, interval: tuple[float, float]):
    (rule,) = judge({"accuracy": Bound(min=0.8, surely=True)}, {"accuracy": value}, {"accuracy": interval}, 300).rules
    return rule


def test_a_bound_itself_is_allowed():
    assert judge({"accuracy": Bound(min=0.9, max=0.9)}, {"accuracy": 0.9}).passed


def test_above_the_most_fails_with_a_sentence():
    verdict = judge({"rmse": Bound(max=1.0)}, {"rmse": 1.5})
    assert verdict.failed[0].sentence() == "rmse 1.5 is above the most that is allowed, 1"


def test_what_is_no_metric_is_bounded_likewise_and_says_what_it_is_of():
    measure = Measure(value=0.7, low=0.6, high=0.8, num_rows=90, of="sex is Female")
    (rule,) = gate.judge({"size_mib": Bound(max=0.5)}, {"size_mib": measure}).failed
    assert rule.sentence() == "size_mib (sex is Female) 0.7 is above the most that is allowed, 0.5"
    assert (rule.low, rule.high, rule.num_rows) == (0.6, 0.8, 90)


def test_how_far_groups_are_apart_is_bounded_and_says_which_groups():
    parity = Measure(value=0.21, low=0.15, high=0.27, num_rows=900, of="sex: Female 0.11, Male 0.32")
    bounds = {"demographic_parity_difference": Bound(max=0.1)}
    (rule,) = gate.judge(bounds, {"demographic_parity_difference": parity}).failed
    assert rule.sentence() == (
        "demographic_parity_difference (sex: Female 0.11, Male 0.32) 0.21 is above the most that is allowed, 0.1"
    )
    surely = {"demographic_parity_difference": Bound(max=0.25, surely=True)}
    (rule,) = gate.judge(surely, {"demographic_parity_difference": parity}).failed
    assert "keeps its bounds, but not surely: it may be 0.15 to 0.27" in rule.sentence()
    with pytest.raises(UserError, match=r"was not computed: it needs a column with the role sensitive and two groups"):
        gate.judge(bounds, measures_of_metrics({"accuracy": 0.9}, {}, None))


def test_a_metric_that_was_not_computed_names_those_that_were():
    with pytest.raises(UserError, match=r"register\.gate: rmse was not computed .*accuracy, f1"):
        judge({"rmse": Bound(max=1.0)}, {"accuracy": 0.9, "f1": 0.8})
    with pytest.raises(UserError, match=r"register\.metric: r2 "):
        value_of({"accuracy": 0.9}, "r2", "metric")
