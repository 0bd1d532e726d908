"""Scores as probabilities: Platt's sigmoids, learnt on the validation rows and kept in the model's file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from tasks.model_input.inputs import Examples, ModelInput, Spec
from tasks.trainers.base import Job
from tasks.trainers.sklearn import SklearnTrainer
from tests.trainers.estimators import BINARY, FIELD, config

THREE = Spec(fields=(FIELD,), task="multiclass", classes=("a", "b", "c"))


def simulated(spec: Spec, num_rows: int, seed: int) -> tuple[Examples, NDArray[np.float64]]:
    """Rows drawn with these probabilities [N, K] of their classes."""
    random = np.random.default_rng(seed)
    values = random.normal(size=(num_rows, 2)).astype(np.float32)
    slopes = np.array([[0.0, 0.0], [2.5, 0.0], [0.0, 2.5]])[: len(spec.classes)]
    odds = np.exp(values @ slopes.T)
    probabilities = odds / odds.sum(axis=1, keepdims=True)
    target = (random.random((num_rows, 1)) > probabilities.cumsum(axis=1)[:, :-1]).sum(axis=1)
    return Examples(inputs=ModelInput(blocks={"x": values}, num_rows=num_rows), target=target), probabilities


def fitted(spec: Spec, validation: Examples) -> Any:
    train, _ = simulated(spec, 600, seed=0)
    return (
        SklearnTrainer().fit(Job(spec=spec, train=train, validation=validation), config("svm", kernel="linear")).model
    )


def scores_of(model: Any, rows: Examples) -> NDArray[np.float64]:
    """[N, K], or [N, 1] for two classes."""
    machine = model.estimator.calibrated_classifiers_[0].estimator
    scores: NDArray[np.float64] = machine.decision_function(rows.inputs.blocks["x"].astype(np.float64))
    return scores.reshape(rows.num_rows, -1)


def platt(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and offset of least log loss, with targets a little less than certain (Platt, 1999)."""
    yes, no = positive.sum(), (~positive).sum()
    targets = np.where(positive, (yes + 1) / (yes + 2), 1 / (no + 2))

    def loss(sigmoid: NDArray[np.float64]) -> float:
        logits = sigmoid[0] * scores + sigmoid[1]
        return float((np.logaddexp(0, logits) - targets * logits).mean())

    slope, offset = minimize(loss, [1.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-14}).x
    return slope, offset


@pytest.mark.parametrize("spec", [BINARY, THREE], ids=["binary", "multiclass"])
def test_probabilities_are_platts_sigmoids_of_the_scores(spec: Spec) -> None:
    validation, _ = simulated(spec, 400, seed=1)
    test, _ = simulated(spec, 200, seed=2)
    model = fitted(spec, validation)
    classes = range(len(spec.classes)) if spec is THREE else [1]
    seen, new = scores_of(model, validation), scores_of(model, test)
    sigmoids = [platt(seen[:, place], validation.target == name) for place, name in enumerate(classes)]
    expected = expit(new * [slope for slope, _ in sigmoids] + [offset for _, offset in sigmoids])
    expected = expected / expected.sum(axis=1, keepdims=True) if spec is THREE else np.hstack([1 - expected, expected])
    assert np.allclose(model.predict(test.inputs), expected, atol=1e-5)


def test_probabilities_are_near_those_that_drew_the_rows() -> None:
    validation, _ = simulated(BINARY, 4_000, seed=1)
    test, probabilities = simulated(BINARY, 2_000, seed=2)
    assert np.abs(fitted(BINARY, validation).predict(test.inputs) - probabilities).mean() < 0.03


@pytest.mark.parametrize("spec", [BINARY, THREE], ids=["binary", "multiclass"])
def test_saved_and_loaded_the_answers_stay_and_twice_the_bytes_are_the_same(spec: Spec, tmp_path: Path) -> None:
    validation, _ = simulated(spec, 100, seed=1)
    models = [fitted(spec, validation), fitted(spec, validation)]
    for number, model in enumerate(models):
        (tmp_path / str(number)).mkdir()
        model.save(tmp_path / str(number))
    loaded = SklearnTrainer().load(tmp_path / "0", spec)
    assert np.array_equal(loaded.predict(validation.inputs), models[0].predict(validation.inputs))
    for name in ("model.json", "model.skops"):
        assert (tmp_path / "0" / name).read_bytes() == (tmp_path / "1" / name).read_bytes()


def test_a_class_without_validation_rows_is_unlikely_and_not_impossible() -> None:
    rows, _ = simulated(BINARY, 98, seed=1)
    answers = fitted(BINARY, replace(rows, target=np.zeros(98, dtype=np.int64))).predict(rows.inputs)
    # Platt's target for a row that is not of the class is 1 / (98 + 2), and all rows have that one.
    assert answers[:, 1] == pytest.approx(0.01, abs=1e-4)
    some = replace(rows, target=rows.target * 2)
    middle = fitted(THREE, some).predict(some.inputs)[:, 1]
    assert (middle > 0).all()
    assert middle.max() < 0.05


def test_few_validation_rows_are_enough() -> None:
    """Fewer of a class than scikit-learn has folds."""
    rows, _ = simulated(BINARY, 4, seed=1)
    answers = fitted(BINARY, replace(rows, target=np.array([0, 1, 0, 0]))).predict(rows.inputs)
    assert np.allclose(answers.sum(axis=1), 1)
    # At the least log loss the mean is that of the targets: (1 + 1) / (1 + 2), and three times 1 / (3 + 2).
    assert answers[:, 1].mean() == pytest.approx((2 / 3 + 3 / 5) / 4, abs=1e-4)
