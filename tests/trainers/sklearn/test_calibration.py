"""Scores as probabilities: against the rows' true ones, and against Platt's sigmoid fitted by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_matrix
from scipy.special import expit
from sklearn.svm import SVC

from tasks.trainers.sklearn.calibration import calibrated
from tasks.trainers.sklearn.files import from_bytes, to_bytes

Rows = tuple[Any, NDArray[np.int64]]


def drawn(num_rows: int, seed: int) -> tuple[Rows, NDArray[np.float64]]:
    """Rows [N, 2] of two classes, and the probability of the second one by which each row's class was drawn."""
    random = np.random.default_rng(seed)
    inputs = random.normal(size=(num_rows, 2))
    truth = expit(2 * inputs[:, 0] - 1)
    return (inputs, (random.random(num_rows) < truth).astype(np.int64)), truth


def platt(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The sigmoid of Platt (1999), by another library's minimizer: slope and offset."""
    yes, no = positive.sum(), (~positive).sum()
    target = np.where(positive, (yes + 1) / (yes + 2), 1 / (no + 2))

    def loss(weights: NDArray[np.float64]) -> float:
        values = weights[0] * scores + weights[1]
        return float((np.logaddexp(0, values) - target * values).sum())

    return np.asarray(minimize(loss, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-10, "fatol": 1e-12}).x)


def test_probabilities_are_the_true_ones() -> None:
    (train, _), (validation, _), (test, truth) = drawn(1500, 0), drawn(4000, 1), drawn(2000, 2)
    claimed = calibrated(SVC(kernel="linear").fit(*train), train, validation).predict_proba(test[0])[:, 1]
    assert np.abs(claimed - truth).mean() < 0.02


def test_the_sigmoid_is_platts() -> None:
    (train, _), (validation, _) = drawn(400, 0), drawn(300, 1)
    machine = SVC().fit(*train)
    scores = machine.decision_function(validation[0])
    slope, offset = platt(scores, validation[1] == 1)
    answers = calibrated(machine, train, validation).predict_proba(validation[0])
    assert answers[:, 1] == pytest.approx(expit(slope * scores + offset), abs=1e-5)
    assert answers.sum(axis=1) == pytest.approx(1)


def test_several_classes_share_a_row() -> None:
    random, target = np.random.default_rng(0), np.repeat([0, 1, 2], 40)
    inputs = random.normal(size=(120, 3)) + 4 * np.eye(3)[target]
    machine = SVC().fit(inputs, target)
    answers = calibrated(machine, (inputs, target), (inputs, target)).predict_proba(inputs)
    scores = machine.decision_function(inputs)
    sigmoids = np.array([platt(scores[:, name], target == name) for name in range(3)])
    claimed = expit(scores * sigmoids[:, 0] + sigmoids[:, 1])
    assert answers == pytest.approx(claimed / claimed.sum(axis=1, keepdims=True), abs=1e-5)


@pytest.mark.parametrize("sparse", [False, True])
def test_a_class_without_validation_rows_is_unlikely_and_not_impossible(sparse: bool) -> None:
    random, target = np.random.default_rng(0), np.repeat([0, 1, 2], 40)
    inputs: Any = random.normal(size=(120, 3)) + 4 * np.eye(3)[target]
    inputs = csr_matrix(inputs) if sparse else inputs
    kept = target != 1
    machine = SVC().fit(inputs, target)
    answers = calibrated(machine, (inputs, target), (inputs[kept], target[kept])).predict_proba(inputs)
    assert (answers[:, 1] > 0).all()
    assert answers[kept][:, 1].max() < 0.05
    # The others' sigmoids are those of the rows that are there: the row that stands for the class counts for nothing.
    scores = machine.decision_function(inputs[kept])
    claimed = [expit(np.polyval(platt(scores[:, name], target[kept] == name), scores[:, name])) for name in (0, 2)]
    shares = answers[kept][:, 0] / answers[kept][:, [0, 2]].sum(axis=1)
    assert shares == pytest.approx(claimed[0] / (claimed[0] + claimed[1]), abs=1e-4)


def test_few_rows_of_a_class_will_do() -> None:
    train, _ = drawn(60, 0)
    validation = (np.array([[2.0, 0.0], [-2.0, 0.0], [-1.0, 0.0]]), np.array([1, 0, 0]))
    answers = calibrated(SVC().fit(*train), train, validation).predict_proba(validation[0])
    assert answers[0, 1] > answers[1, 1]


def test_it_is_kept_without_a_pickle_and_answers_the_same() -> None:
    (train, _), (validation, _) = drawn(200, 0), drawn(100, 1)
    model = calibrated(SVC().fit(*train), train, validation)
    content = to_bytes(model)
    assert content == to_bytes(calibrated(SVC().fit(*train), train, validation))
    loaded = from_bytes(content, (), "model.skops")
    assert np.array_equal(loaded.predict_proba(validation[0]), model.predict_proba(validation[0]))
