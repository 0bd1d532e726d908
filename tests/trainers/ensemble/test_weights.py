"""Weights and temperature against what is right, which is known where the errors are made."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tasks.model_input.inputs import Spec
from tasks.trainers.ensemble.weights import Held, best_temperature, greedy_weights, tempered

VALUES = Spec(fields=(), task="regression", classes=())
CLASSES = Spec(fields=(), task="multiclass", classes=("a", "b", "c"))
NUM_ROWS = 20_000


def truth_and_errors(*deviations: float) -> tuple[Any, list[Any]]:
    random = np.random.default_rng(0)
    truth = random.normal(size=NUM_ROWS)
    return truth, [truth + random.normal(scale=deviation, size=NUM_ROWS) for deviation in deviations]


def test_independent_errors_get_the_inverse_of_their_variances() -> None:
    truth, answers = truth_and_errors(1.0, 2.0, 2.0)
    weights = greedy_weights(answers, Held(spec=VALUES, target=truth, weight=None))
    # 1 / variance: 1, 1/4, 1/4.
    np.testing.assert_allclose(weights, [2 / 3, 1 / 6, 1 / 6], atol=0.03)


def test_what_adds_nothing_gets_nothing() -> None:
    truth, (good,) = truth_and_errors(1.0)
    worse = good + np.random.default_rng(1).normal(size=NUM_ROWS)
    assert greedy_weights([worse, good], Held(spec=VALUES, target=truth, weight=None)).tolist() == [0, 1]


def test_rows_count_as_much_as_they_weigh() -> None:
    truth = np.zeros(200)
    answers = [np.repeat([0.0, 1.0], 100), np.repeat([1.0, 0.0], 100)]
    weight = np.repeat([1.0, 0.0], 100)
    assert greedy_weights(answers, Held(spec=VALUES, target=truth, weight=weight)).tolist() == [1, 0]
    assert greedy_weights(answers, Held(spec=VALUES, target=truth, weight=None)).tolist() == [0.5, 0.5]


def drawn_classes() -> tuple[Any, Any]:
    """Classes drawn by these very probabilities: none are surer than they may be."""
    random = np.random.default_rng(0)
    probabilities = random.dirichlet([1, 1, 1], size=NUM_ROWS)
    drawn = (random.random((NUM_ROWS, 1)) > probabilities.cumsum(axis=1)).sum(axis=1)
    return np.minimum(drawn, 2), probabilities


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_the_temperature_undoes_what_was_done_to_true_probabilities(temperature: float) -> None:
    target, probabilities = drawn_classes()
    answers = tempered(probabilities, 1 / temperature)
    found = best_temperature(answers, Held(spec=CLASSES, target=target, weight=None))
    assert found == pytest.approx(temperature, rel=0.04)
    np.testing.assert_allclose(tempered(answers, temperature), probabilities, atol=1e-9)


def test_tempered_probabilities_sum_to_one_and_keep_their_order() -> None:
    answers = np.array([[1.0, 0.0, 0.0], [0.2, 0.3, 0.5]])
    for temperature in (0.3, 1.0, 4.0):
        made = tempered(answers, temperature)
        np.testing.assert_allclose(made.sum(axis=1), 1, atol=1e-12)
        assert (np.argsort(made[1]) == np.argsort(answers[1])).all()
        assert made[0, 0] > 0.999
