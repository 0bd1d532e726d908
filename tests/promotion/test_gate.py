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
from tasks.promotion.gate_rule import GateRule

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
        "adjusted_p_value": None,
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


ASKED = {
    "accuracy": Bound(min=0.5),
    "f1": Bound(min=0.3, max=0.9),
    "log_loss": Bound(max=0.6),
    "brier": Bound(max=0.4, surely="broken"),
    "recall": Bound(min=0.6, max=0.9, surely="broken"),
    "mcc": Bound(min=0.6, surely=True),
}


@given(
    order=st.permutations(list(ASKED)),
    value=share,
    reach=st.floats(0.01, 0.3),
    slices=st.lists(st.tuples(share, st.floats(0.0, 1.0)), max_size=6),
    random=st.randoms(use_true_random=False),
)
def test_the_order_of_rules_and_slices_does_not_matter(order, value, reach, slices, random):
    measures = measures_of_metrics(
        dict.fromkeys(ASKED, value), dict.fromkeys(ASKED, (value - reach, value + reach)), 90
    )
    of_slices = [_slice(f"town is {number}", *one) for number, one in enumerate(slices)]
    shuffled = random.sample(of_slices, len(of_slices))
    one = gate.judge({name: ASKED[name] for name in ASKED}, measures, of_slices)
    other = gate.judge({name: ASKED[name] for name in order}, measures, shuffled)
    assert one.decision == other.decision
    # Each with the same numbers, whatever its place.
    assert sorted(map(repr, one.rules)) == sorted(map(repr, other.rules))


def _slice(name: str, value: float, p_value: float) -> GateRule:
    measure = {"value": value, "low": None, "high": None, "num_rows": 40, "p_value": 1.0 if value >= 0.7 else p_value}
    return GateRule(metric="accuracy", of=name, min=0.7, max=None, surely="broken", passed=True, **measure)


def test_a_rule_that_refuses_what_is_surely_broken_lets_pass_what_may_be_chance():
    bounds = {"accuracy": Bound(min=0.85, surely="broken")}
    (rule,) = judge(bounds, {"accuracy": 0.82}, {"accuracy": (0.76, 0.88)}, 150).rules
    assert rule.passed
    assert rule.p_value == rule.adjusted_p_value == pytest.approx(norm.sf(0.03 / (0.06 / norm.isf(0.025))))
    assert rule.sentence() == (
        "accuracy 0.82 is below the least that is allowed, 0.85, but not surely: 150 rows, p 0.16"
    )
    (rule,) = judge(bounds, {"accuracy": 0.7}, {"accuracy": (0.64, 0.76)}, 150).failed
    assert rule.sentence().startswith("accuracy 0.7 is below the least that is allowed, 0.85, and surely so: 150 rows,")
    (rule,) = judge(bounds, {"accuracy": 0.82}, {"accuracy": None}, 1).rules
    assert (rule.passed, rule.p_value) == (True, None)
    both = {"accuracy": Bound(min=0.85, max=0.95, surely="broken")}
    (rule,) = judge(both, {"accuracy": 0.82}, {"accuracy": (0.76, 0.88)}, 150).rules
    assert rule.p_value == pytest.approx(2 * norm.sf(0.03 / (0.06 / norm.isf(0.025))))


@given(value=share, reach=st.floats(0.001, 0.3), bound=share, tail=st.sampled_from([0.025, 0.05]))
def test_what_is_surely_broken_has_its_interval_beyond_the_bound(value, reach, bound, tail):
    measure = Measure(value=value, low=value - reach, high=value + 2 * reach, tail=tail)
    (rule,) = gate.judge({"coverage": Bound(max=bound, surely="broken")}, {"coverage": measure}, alpha=tail).rules
    assert (not rule.passed) == (value - reach >= bound) or value - reach == pytest.approx(bound)
    (rule,) = gate.judge({"coverage": Bound(min=bound, surely="broken")}, {"coverage": measure}, alpha=tail).rules
    assert (not rule.passed) == (value + 2 * reach <= bound) or value + 2 * reach == pytest.approx(bound)


def test_a_ratio_is_as_sure_as_its_logarithm_is():
    bounds = {"demographic_parity_ratio": Bound(min=0.8, surely="broken")}
    ratio = Measure(value=0.5, low=0.4, high=0.625, num_rows=90, tail=0.05)
    (rule,) = gate.judge(bounds, {"demographic_parity_ratio": ratio}).rules
    reach = np.log(0.625) - np.log(0.5)
    assert rule.p_value == pytest.approx(norm.sf(norm.isf(0.05) * (np.log(0.8) - np.log(0.5)) / reach))
    # Of nobody selected there is no logarithm, and the interval alone tells.
    none = Measure(value=0.0, low=0.0, high=0.6, num_rows=90, tail=0.05)
    (rule,) = gate.judge(bounds, {"demographic_parity_ratio": none}).rules
    assert rule.p_value == 0.05


def test_columns_that_drifted_are_counted_as_surely_as_all_tests_of_the_verdict_ask():
    """Each count has its p-value: that of the column that would have to be wrongly among them."""
    drifted = Measure(value=2, num_rows=90, of="age, town", p_values=(0.001, 0.03, 0.4))
    for most, p_value, passed in ((0, 0.001, False), (1, 0.03, False), (2, 0.4, True), (3, 1.0, True)):
        (rule,) = gate.judge({"drifted_columns": Bound(max=most)}, {"drifted_columns": drifted}).rules
        assert (rule.p_value, rule.passed) == (p_value, passed)
    verdict = gate.judge({"drifted_columns": Bound(max=1)}, {"drifted_columns": drifted}, [_slice("town is 1", 0.8, 1)])
    rule, _ = verdict.rules
    assert rule.adjusted_p_value == pytest.approx(0.06)
    assert verdict.passed
    assert rule.sentence() == (
        "drifted_columns (age, town) 2 is above the most that is allowed, 1, but not surely: 90 rows, p 0.06 after all "
        "2 rules and slices"
    )


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
