"""A training in a few words."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.training.result import how_it_went


@pytest.mark.parametrize(
    ("facts", "figure"),
    [
        ({"epochs": 30, "best_epoch": 24}, "validation accuracy 0.9926, epoch 24 of 30"),
        ({"trees": 170, "best_tree": 120}, "validation accuracy 0.9926, tree 120 of 170"),
        ({"iterations": 9, "converged": True}, "validation accuracy 0.9926"),
        ({"iterations": 9, "converged": False}, "validation accuracy 0.9926, not converged in 9 iterations"),
    ],
)
def test_says_how_it_went(facts: dict[str, Any], figure: str) -> None:
    assert how_it_went(facts, {"validation_accuracy": 0.99259}) == figure


def test_says_how_a_regression_went() -> None:
    assert how_it_went({}, {"validation_rmse": 53.2187}) == "validation RMSE 53.22"
