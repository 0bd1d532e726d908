from __future__ import annotations

import math
import warnings
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score, log_loss, roc_auc_score

from tasks.errors import UserError
from tasks.evaluation.metrics import (
    calibration_error,
    class_scores,
    classification_metrics,
    confusion_counts,
    positive_number,
    regression_metrics,
    reliability,
)
from tasks.params.config import MetricOfClasses

ABC = ("a", "b", "c")


def answers(seed: int, num_rows: int, num_classes: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    actual = np.concatenate([np.arange(num_classes), random.integers(0, num_classes, num_rows)])
    return actual, random.dirichlet(np.ones(num_classes), len(actual))


def test_several_classes_agree_with_scikit_learn() -> None:
    actual, probabilities = answers(0, 60, 3)
    found = classification_metrics(ABC, actual, probabilities, "macro")
    predicted = probabilities.argmax(axis=1)
    assert list(found) == [name for name in get_args(MetricOfClasses) if name != "expected_cost"]
    assert found["accuracy"] == pytest.approx(np.mean(predicted == actual))
    assert found["f1"] == pytest.approx(f1_score(actual, predicted, average="macro"))
    assert found["roc_auc"] == pytest.approx(roc_auc_score(actual, probabilities, multi_class="ovr"))
    assert found["log_loss"] == pytest.approx(log_loss(actual, probabilities))


def test_weighted_average_weighs_by_rows() -> None:
    actual, probabilities = answers(1, 60, 3)
    found = classification_metrics(ABC, actual, probabilities, "weighted")
    assert found["f1"] == pytest.approx(f1_score(actual, probabilities.argmax(axis=1), average="weighted"))


@pytest.mark.parametrize("positive", ["no", "yes"])
def test_two_classes_are_measured_by_the_positive_one(positive: str) -> None:
    actual, probabilities = answers(2, 40, 2)
    found = classification_metrics(("no", "yes"), actual, probabilities, "macro", positive)
    number = ["no", "yes"].index(positive)
    assert found["f1"] == pytest.approx(f1_score(actual, probabilities.argmax(axis=1), pos_label=number))
    assert found["roc_auc"] == pytest.approx(roc_auc_score(actual == number, probabilities[:, number]))


def test_last_class_is_positive_unless_told() -> None:
    actual, probabilities = answers(3, 40, 2)
    assert classification_metrics(("no", "yes"), actual, probabilities, "macro") == classification_metrics(
        ("no", "yes"), actual, probabilities, "macro", "yes"
    )


def test_a_class_absent_from_the_test_rows_does_not_count() -> None:
    actual = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.8, 0.1, 0.1], [0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.2, 0.7, 0.1]])
    found = classification_metrics(ABC, actual, probabilities, "macro")
    assert (found["recall"], found["precision"], found["roc_auc"]) == (1.0, 1.0, 1.0)


def test_never_answered_positive_class_scores_zero_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = classification_metrics(("no", "yes"), np.array([0, 1]), np.array([[0.9, 0.1], [0.8, 0.2]]), "macro")
    assert (found["precision"], found["recall"], found["f1"]) == (0.0, 0.0, 0.0)


def test_single_precision_and_certain_answers_make_no_warning() -> None:
    actual, probabilities = answers(4, 30, 3)
    certain = np.vstack([probabilities, [[0, 0, 1]]]).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = classification_metrics(ABC, np.append(actual, 0), certain, "macro")
    assert np.isfinite(found["log_loss"])


def test_one_class_only_is_refused_by_metric_and_cure() -> None:
    with pytest.raises(
        UserError, match=r"roc_auc is undefined: all 2 test rows are of the class 'b'; give the test more"
    ):
        classification_metrics(ABC, np.array([1, 1]), np.full((2, 3), 1 / 3), "macro")


def test_no_rows_are_refused() -> None:
    with pytest.raises(UserError, match="no test rows"):
        classification_metrics(ABC, np.array([], dtype=np.int64), np.zeros((0, 3)), "macro")


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_answers_that_are_not_finite_are_refused(wrong: float) -> None:
    actual, probabilities = answers(5, 10, 3)
    probabilities[4, 1] = wrong
    with pytest.raises(UserError, match=r"not a finite number for 1 of 13 test rows \(the first is row 4\)"):
        classification_metrics(ABC, actual, probabilities, "macro")
    with pytest.raises(UserError, match="not a finite number"):
        regression_metrics(np.array([1.0, 2.0]), np.array([1.0, wrong]))


def test_positive_class_must_be_one_of_two() -> None:
    assert positive_number(ABC, None) is None
    assert positive_number(("ham", "spam"), "ham") == 0
    with pytest.raises(UserError, match="did you mean spam"):
        positive_number(("ham", "spam"), "spm")
    with pytest.raises(UserError, match="one of two, and here are 3"):
        positive_number(ABC, "a")


def test_regression_by_hand() -> None:
    found = regression_metrics(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 6.0]))
    rmsle = abs(math.log(7 / 4)) / 3**0.5
    assert found == pytest.approx({"rmse": 3**0.5, "mae": 1.0, "rmsle": rmsle, "r2": 1 - 9 / 2})


def test_only_amounts_have_logarithms() -> None:
    amounts = regression_metrics(np.array([0.0, 3.0]), np.array([-5.0, 3.0]))
    # An answer below nothing counts as nothing.
    assert amounts["rmsle"] == 0
    assert "rmsle" not in regression_metrics(np.array([-1.0, 3.0]), np.array([0.0, 3.0]))


def test_one_value_only_has_no_r2() -> None:
    with pytest.raises(UserError, match="r2 is undefined: the test rows hold one value only, 5"):
        regression_metrics(np.array([5.0, 5.0]), np.array([5.0, 4.0]))


def test_class_scores_by_hand() -> None:
    y_true, y_pred = np.array([0, 0, 1, 2]), np.array([0, 1, 1, 1])
    counts = confusion_counts(y_true, y_pred, 4)
    assert counts.tolist() == [[1, 1, 0, 0], [0, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]]
    first, second, third, absent = class_scores(("a", "b", "c", "d"), y_true, y_pred)
    assert (first.precision, first.recall, first.num_rows) == (1.0, 0.5, 2)
    assert (second.precision, second.recall) == (pytest.approx(1 / 3), 1.0)
    assert (third.f1, absent.f1, absent.num_rows) == (0.0, 0.0, 0)


@given(st.integers(0, 1000), st.integers(2, 6), st.integers(0, 50))
def test_class_scores_agree_with_the_metrics(seed: int, num_classes: int, num_rows: int) -> None:
    actual, probabilities = answers(seed, num_rows, num_classes)
    predicted = probabilities.argmax(axis=1)
    counts = confusion_counts(actual, predicted, num_classes)
    assert counts.sum() == len(actual)
    scores = class_scores([str(n) for n in range(num_classes)], actual, predicted)
    assert [score.f1 for score in scores] == pytest.approx(f1_score(actual, predicted, average=None, zero_division=0))


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40))
def test_reliability_keeps_every_row(pairs: list[tuple[float, bool]]) -> None:
    claimed, came_true = np.array([p for p, _ in pairs]), np.array([t for _, t in pairs])
    bins = reliability(claimed, came_true)
    assert bins.num_rows.sum() == len(pairs)
    assert (bins.num_rows > 0).all()
    assert np.average(bins.claimed, weights=bins.num_rows) == pytest.approx(claimed.mean())
    assert np.average(bins.observed, weights=bins.num_rows) == pytest.approx(came_true.mean())


def test_a_weight_of_two_is_a_row_that_stands_there_twice() -> None:
    random = np.random.default_rng(0)
    y_true, y_score = random.integers(0, 3, 200), random.dirichlet(np.ones(3), 200)
    counts = random.integers(0, 3, 200)
    rows = np.repeat(np.arange(200), counts)
    for average in ("macro", "weighted"):
        weighed = classification_metrics(("a", "b", "c"), y_true, y_score, average, weight=counts.astype(float))
        repeated = classification_metrics(("a", "b", "c"), y_true[rows], y_score[rows], average)
        assert weighed == pytest.approx(repeated, rel=1e-12)
    values, answers = random.normal(size=200), random.normal(size=200)
    weighed = regression_metrics(values, answers, counts.astype(float))
    assert weighed == pytest.approx(regression_metrics(values[rows], answers[rows]), rel=1e-12)


def test_a_class_whose_rows_weigh_nothing_counts_as_absent() -> None:
    y_score = np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]])
    with pytest.raises(UserError, match="all 2 test rows are of the class 'b'"):
        classification_metrics(("a", "b"), np.array([0, 1, 1]), y_score, "macro", weight=np.array([0.0, 1, 2]))
    with pytest.raises(UserError, match="the weights of all test rows are 0"):
        classification_metrics(("a", "b"), np.array([0, 1, 1]), y_score, "macro", weight=np.zeros(3))


@pytest.mark.parametrize("off", [0.0, 0.1])
def test_the_calibration_error_is_how_far_claims_are_off(off: float) -> None:
    """A million rows, of which as many come true as the claims say, and some more."""
    random = np.random.default_rng(7)
    truth = random.uniform(0.15, 0.85, 1_000_000)
    came_true, claimed = (random.random(len(truth)) < truth).astype(np.int64), truth - off
    found = calibration_error(came_true, np.column_stack([1 - claimed, claimed]), 1)
    assert found == pytest.approx(off, abs=0.002)


def test_of_several_classes_the_likeliest_answer_is_what_is_claimed() -> None:
    probabilities = np.array([[0.7, 0.2, 0.1]] * 10)
    actual = np.array([0] * 5 + [1] * 5)
    assert calibration_error(actual, probabilities, None) == pytest.approx(0.2)
    # A weight of 0 is a row that is not there.
    assert calibration_error(actual, probabilities, None, np.array([1.0] * 5 + [0.0] * 5)) == pytest.approx(0.3)
