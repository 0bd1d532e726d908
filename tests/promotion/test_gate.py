from __future__ import annotations

import json

import pytest

from tasks.errors import UserError
from tasks.params.register import Bound
from tasks.promotion.gate import judge, value_of


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
