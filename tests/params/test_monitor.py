"""What is watched and what stands beside the live version: settings that could never do anything are refused."""

from __future__ import annotations

import re
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from tasks.params.monitor import Monitor, MonitorRules, RuleName
from tasks.params.serve import Serve


@pytest.mark.parametrize(
    ("rule", "rules", "cure"),
    [
        ("latency_p95_ms", {}, {"latency_p95_ms": 200}),
        ("error_share", {}, {"error_share": 0.0}),
        ("least_rows", {}, {"least_rows": 50}),
        ("quality", {}, {"quality": {"mae": {"max": 40}}}),
        ("drifted_columns", {"drifted_columns": None}, {"drifted_columns": 3}),
        ("drifted_answers", {"drifted_answers": False}, {"drifted_answers": True}),
        ("larger_loss", {"larger_loss": False}, {}),
    ],
)
def test_a_rule_that_never_fires_starts_no_training(rule: str, rules: dict[str, Any], cure: dict[str, Any]) -> None:
    message = f"retrain names {rule}, which never fires as rules.{rule} says nothing; set rules.{rule}, or take {rule}"
    with pytest.raises(ValidationError, match=re.escape(message)):
        Monitor.model_validate({"log": True, "retrain": [rule], "rules": rules})
    assert Monitor.model_validate({"retrain": [rule], "rules": cure}).retrain == (rule,)
    assert Monitor.model_validate({"rules": rules}).retrain == ()


def test_a_rule_is_named_in_retrain_as_in_rules() -> None:
    assert {*get_args(RuleName)} == {*MonitorRules.model_fields}


def test_answers_are_kept_for_a_hundred_years_or_for_good() -> None:
    assert Monitor(retention_days=None).retention_days is None
    with pytest.raises(ValidationError, match="less than or equal to 36500"):
        Monitor(retention_days=10**11)


def test_the_registry_is_looked_at_once_a_day_at_least() -> None:
    assert Serve(poll=86_400).poll == 86_400
    with pytest.raises(ValidationError, match="less than or equal to 86400"):
        Serve(poll=1e300)


@pytest.mark.parametrize("section", [{"shadow": "champion"}, {"alias": "canary", "shadow": "canary"}])
def test_copies_go_to_another_version_than_the_one_that_answers(section: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="is the version that answers already"):
        Serve.model_validate(section)
    assert Serve.model_validate({**section, "shadow": "challenger"}).shadow_alias == "challenger"


def test_copies_may_be_of_a_share() -> None:
    assert Serve(shadow="challenger=12.5").shadow_alias == "challenger"
    with pytest.raises(ValidationError, match="is the version that answers already"):
        Serve(shadow="champion=5")
    for wrong in ("challenger=", "challenger=101", "=5", "challenger=ten"):
        with pytest.raises(ValidationError, match="should match pattern"):
            Serve(shadow=wrong)
