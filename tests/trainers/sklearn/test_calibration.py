"""Scores as probabilities."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from tasks.trainers.sklearn.calibration import fit_sigmoid, fit_sigmoids, probabilities


def test_finds_the_sigmoid_that_drew_the_rows() -> None:
    random = np.random.default_rng(0)
    scores = random.normal(size=50_000)
    positive = random.random(50_000) < expit(2.5 * scores - 1)
    assert fit_sigmoid(scores, positive) == pytest.approx((2.5, -1), abs=0.06)


def test_agrees_with_scikit_learn() -> None:
    from sklearn.calibration import _sigmoid_calibration

    random = np.random.default_rng(1)
    scores = random.normal(size=300) * 3
    positive = random.random(300) < expit(scores + 1)
    slope, offset = _sigmoid_calibration(scores, positive.astype(int))
    assert fit_sigmoid(scores, positive) == pytest.approx((-slope, -offset), abs=1e-3)


@settings(derandomize=True, deadline=None, max_examples=40)
@given(
    scores=st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=30),
    factor=st.sampled_from([1e-6, 1.0, 1e6]),
    seed=st.integers(0, 5),
)
def test_any_scores_have_probabilities(scores: list[float], factor: float, seed: int) -> None:
    values = factor * np.array(scores)
    positive = np.random.default_rng(seed).random(len(values)) < 0.5
    slope, offset = fit_sigmoid(values, positive)
    answers = probabilities(values, ((slope, offset),))
    assert np.isfinite([slope, offset]).all()
    assert np.allclose(answers.sum(axis=1), 1)
    # Newton's method ends where the mean is that of the rows, a little less than certain.
    yes, no = positive.sum(), (~positive).sum()
    wanted = np.where(positive, (yes + 1) / (yes + 2), 1 / (no + 2)).mean()
    assert answers[:, 1].mean() == pytest.approx(wanted, abs=1e-3)


def test_a_class_without_rows_is_unlikely_and_not_impossible() -> None:
    _, offset = fit_sigmoid(np.linspace(-1, 1, 98), np.zeros(98, dtype=bool))
    assert expit(offset) == pytest.approx(0.01)


def test_several_classes_share_a_row() -> None:
    target = np.repeat([0, 1, 2], 40)
    scores = np.random.default_rng(0).normal(size=(120, 3)) + 4 * np.eye(3)[target]
    sigmoids = fit_sigmoids(scores, np.arange(3), target)
    answers = probabilities(scores, sigmoids)
    assert np.allclose(answers.sum(axis=1), 1)
    assert (answers.argmax(axis=1) == target).mean() > 0.95
    assert np.allclose(probabilities(np.full((1, 3), -1e9), sigmoids), 1 / 3)
