"""Metrics of weighted rows are scikit-learn's, to the last digits."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from sklearn import metrics as sk

from tasks.evaluation.metrics import classification_metrics, regression_metrics
from tasks.evaluation.weighted_metrics import Answers, metric_of_weights
from tasks.params.config import MetricOfClasses

NUM_ROWS = 400


def classified(num_classes: int, seed: int = 0, **more) -> Answers:
    random = np.random.default_rng(seed)
    # Rounded, so that there are ties to break.
    scores = random.dirichlet(np.ones(num_classes), NUM_ROWS).round(2) + 0.01
    y_true = np.where(random.random(NUM_ROWS) < 0.5, scores.argmax(axis=1), random.integers(0, num_classes, NUM_ROWS))
    return Answers(y_true=y_true, y_score=scores / scores.sum(axis=1, keepdims=True), **more)


def regressed(shift: float = 0.0, scale: float = 1.0) -> Answers:
    random = np.random.default_rng(1)
    y_true = shift + scale * random.normal(size=NUM_ROWS)
    return Answers(y_true=y_true, y_score=y_true + scale * random.normal(size=NUM_ROWS) / 2)


def drawn_weights(seed: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 4, NUM_ROWS) * 0.7


@pytest.mark.parametrize("average", ["macro", "weighted"])
def test_of_several_classes_it_is_scikit_learns(average):
    answers, weights = classified(4, average=average), drawn_weights()
    y_pred = answers.y_score.argmax(axis=1)
    p, r, f, _ = sk.precision_recall_fscore_support(
        answers.y_true, y_pred, average=average, sample_weight=weights, zero_division=0.0
    )
    aucs = [
        sk.roc_auc_score(answers.y_true == number, answers.y_score[:, number], sample_weight=weights)
        for number in range(4)
    ]
    areas = [
        sk.average_precision_score(answers.y_true == number, answers.y_score[:, number], sample_weight=weights)
        for number in range(4)
    ]
    expected = {
        "balanced_accuracy": sk.balanced_accuracy_score(answers.y_true, y_pred, sample_weight=weights),
        "mcc": sk.matthews_corrcoef(answers.y_true, y_pred, sample_weight=weights),
        "pr_auc": np.mean(areas),
        "brier": sk.brier_score_loss(answers.y_true, answers.y_score, sample_weight=weights),
        "accuracy": sk.accuracy_score(answers.y_true, y_pred, sample_weight=weights),
        "precision": p,
        "recall": r,
        "f1": f,
        "roc_auc": np.mean(aucs),
        "log_loss": sk.log_loss(answers.y_true, answers.y_score, sample_weight=weights),
    }
    for metric, value in expected.items():
        assert metric_of_weights(metric, answers)(weights) == pytest.approx(value, rel=1e-12), metric


@pytest.mark.parametrize("positive", [0, 1])
def test_of_two_classes_it_is_that_of_the_positive_one(positive):
    answers, weights = classified(2, positive=positive), drawn_weights()
    y_pred = answers.y_score.argmax(axis=1)
    for metric, score in (("precision", sk.precision_score), ("recall", sk.recall_score), ("f1", sk.f1_score)):
        expected = score(answers.y_true, y_pred, pos_label=positive, sample_weight=weights)
        assert metric_of_weights(metric, answers)(weights) == pytest.approx(expected, rel=1e-12)
    of_scores = {"roc_auc": sk.roc_auc_score, "pr_auc": sk.average_precision_score, "brier": sk.brier_score_loss}
    for metric, score in of_scores.items():
        expected = score(answers.y_true == positive, answers.y_score[:, positive], sample_weight=weights)
        assert metric_of_weights(metric, answers)(weights) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("shift", "scale"), [(0.0, 1.0), (1e9, 1.0), (1e-7, 1e-9), (1e12, 1e3)])
def test_of_numbers_it_is_scikit_learns(shift, scale):
    answers, weights = regressed(shift, scale), drawn_weights()
    for metric, score in (("rmse", sk.root_mean_squared_error), ("mae", sk.mean_absolute_error), ("r2", sk.r2_score)):
        expected = score(answers.y_true, answers.y_score, sample_weight=weights)
        assert metric_of_weights(metric, answers)(weights) == pytest.approx(expected, rel=1e-12)


def test_of_amounts_it_is_scikit_learns():
    answers, weights = regressed(), drawn_weights()
    amounts = Answers(y_true=np.exp(answers.y_true), y_score=np.exp(answers.y_score))
    expected = sk.root_mean_squared_log_error(amounts.y_true, amounts.y_score, sample_weight=weights)
    assert metric_of_weights("rmsle", amounts)(weights) == pytest.approx(expected, rel=1e-12)


def test_without_weights_it_is_what_evaluate_writes():
    ones = np.ones(NUM_ROWS)
    answers = classified(3)
    for metric, value in classification_metrics(("a", "b", "c"), answers.y_true, answers.y_score, "macro").items():
        assert metric_of_weights(metric, answers)(ones) == pytest.approx(value, rel=1e-12)
    numbers = regressed()
    for metric, value in regression_metrics(numbers.y_true, numbers.y_score).items():
        assert metric_of_weights(metric, numbers)(ones) == pytest.approx(value, rel=1e-12)


def test_a_weight_of_two_is_a_row_that_stands_there_twice():
    costs = np.array([[0.0, 1.0, 2.0], [3.0, 0.0, 1.0], [9.0, 1.0, 0.5]])
    answers, counts = classified(3, costs=costs), np.random.default_rng(5).integers(0, 3, NUM_ROWS)
    rows = np.repeat(np.arange(NUM_ROWS), counts)
    repeated = Answers(y_true=answers.y_true[rows], y_score=answers.y_score[rows], costs=costs)
    for metric in get_args(MetricOfClasses):
        of_counts = metric_of_weights(metric, answers)(counts.astype(float))
        assert of_counts == pytest.approx(metric_of_weights(metric, repeated)(np.ones(len(rows))), rel=1e-12)


def test_what_is_undefined_is_no_number():
    answers = Answers(y_true=np.array([0, 1]), y_score=np.array([[0.9, 0.1], [0.2, 0.8]]), positive=1)
    assert np.isnan(metric_of_weights("roc_auc", answers)(np.array([2.0, 0.0])))
    numbers = Answers(y_true=np.array([1.0, 2.0]), y_score=np.array([1.0, 2.0]))
    assert np.isnan(metric_of_weights("r2", numbers)(np.array([0.0, 2.0])))
    below = Answers(y_true=np.array([1.0, -2.0]), y_score=np.array([1.0, 2.0]))
    assert np.isnan(metric_of_weights("rmsle", below)(np.array([1.0, 1.0])))
    assert metric_of_weights("rmsle", below)(np.array([1.0, 0.0])) == 0
