"""What `modelwright tune` prints of a search."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tasks.command.tune import lines_of
from tests.tuning.test_pictures import outcome


def page(num_trials: int, **changes: Any) -> str:
    return "\n".join(lines_of(replace(outcome(num_trials, {}), **changes)))


def test_without_a_trial_it_is_told_and_what_to_do() -> None:
    printed = page(0)
    assert printed.startswith("churn: no trial was done, as the time was over before one began; give more --minutes\n")
    assert "0 trials" not in printed
    assert "as it is         0.5550, by roc_auc on 2 folds of 100 training rows" in printed
    assert all(line.strip() for line in printed.splitlines())


def test_what_the_best_was_set_against_is_called_as_it_is_until_the_best_stands_in_params_yaml() -> None:
    before = page(6)
    assert "\n  as it is         0.5550\n" in before
    assert "better than params.yaml still" in before
    applied = page(6, now=outcome(6, {}).trials[-1].values)
    assert "\n  before --apply   0.5550\n" in applied
    assert "better than before --apply still" in applied
    assert "as it is" not in applied


def test_in_time_the_rows_that_judge_are_counted() -> None:
    printed = page(6, in_time=True, as_it_is=(0.5,), num_rows=77)
    assert "churn: 6 trials on the newest 77 rows before the test's, by roc_auc\n" in printed
    assert "these rows alone judge: on few rows a difference may be chance" in printed
    assert "judge" not in page(6)


def test_many_settings_of_the_best_stand_in_lines_of_their_own_and_few_in_one() -> None:
    of_all = page(6)
    assert " 4 settings:\n    train.learning_rate null -> 0.12\n    train.num_leaves " in of_all
    best = outcome(6, {}).trials[-1].values
    of_one = page(6, now={**best, "train.learning_rate": 0.1})
    assert "  train.learning_rate 0.1 -> 0.12\n" in of_one
    assert "settings:" not in of_one
