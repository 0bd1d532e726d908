"""How often a model errs among the rows that it is surest of, where theory says how often."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.evaluation.confidence import SHARES, confidence_table, risk_coverage, risk_coverage_of
from tasks.evaluation.plots import risk_by_coverage
from tasks.evaluation.predictions import Predictions


def calibrated(num_rows: int, seed: int = 0) -> Predictions:
    """Two classes; the answer's probability is even between 0.5 and 1, and comes true as often as it says."""
    random = np.random.default_rng(seed)
    confidence = random.uniform(0.5, 1, num_rows)
    answer = random.integers(0, 2, num_rows)
    truth = np.where(random.uniform(size=num_rows) < confidence, answer, 1 - answer)
    of_one = np.where(answer == 1, confidence, 1 - confidence)
    return Predictions(y_true=truth, y_score=np.column_stack([1 - of_one, of_one]))


def test_calibrated_probabilities_have_the_risk_that_follows_from_them() -> None:
    """The surest q of the rows lie from 1 - q / 2 to 1, and are wrong in q / 4 of the cases; the area is 1 / 8."""
    predictions = calibrated(200_000)
    table = confidence_table(predictions)
    assert [one.share for one in table.sure] == list(SHARES)
    assert [one.accuracy for one in table.sure] == pytest.approx([1 - share / 4 for share in SHARES], abs=0.004)
    assert table.area == pytest.approx(1 / 8, abs=0.002)
    assert table.stretches == ()


def test_the_curve_is_the_cumulative_error_of_rows_in_order() -> None:
    predictions = calibrated(500, 1)
    confidence = predictions.y_score.max(axis=1)
    wrong = predictions.y_pred != predictions.y_true
    by_hand = np.cumsum(wrong[np.argsort(-confidence)]) / np.arange(1, 501)
    curve = risk_coverage(predictions)
    assert curve.risk(np.arange(1, 501) / 500) == pytest.approx(by_hand)
    # The mean over all numbers of rows is the same area by steps.
    assert curve.area == pytest.approx(by_hand.mean(), abs=0.002)
    numeric = np.trapezoid(curve.risk(np.linspace(1e-6, 1, 200_001)), dx=1 / 200_000)
    assert curve.area == pytest.approx(numeric, abs=1e-4)


def test_an_order_that_says_nothing_has_the_error_rate_as_its_area() -> None:
    wrong = np.arange(1000) % 5 == 0
    same = risk_coverage_of(np.full(1000, 0.8), wrong, np.ones(1000))
    assert same.area == pytest.approx(0.2)
    assert same.risk(np.array([0.01, 0.5, 1.0])) == pytest.approx([0.2] * 3)
    # Rows of one confidence cannot be told apart: their order changes nothing.
    confidence = np.repeat([0.9, 0.6], 500)
    first, second = (risk_coverage_of(confidence, order, np.ones(1000)) for order in (np.sort(wrong), wrong))
    assert first.risk(np.array([0.5, 1.0])) == pytest.approx([0.0, 0.2])
    assert second.area == pytest.approx(0.2)
    never = risk_coverage_of(confidence, np.zeros(1000, dtype=bool), np.ones(1000))
    assert never.area == 0


def test_rows_count_by_their_weight() -> None:
    predictions = calibrated(300, 2)
    weight = np.random.default_rng(3).integers(0, 4, 300).astype(np.float64)
    weighted = Predictions(y_true=predictions.y_true, y_score=predictions.y_score, weight=weight)
    rows = np.repeat(np.arange(300), weight.astype(int))
    repeated = Predictions(y_true=predictions.y_true[rows], y_score=predictions.y_score[rows])
    shares = np.linspace(0.01, 1, 50)
    assert risk_coverage(weighted).risk(shares) == pytest.approx(risk_coverage(repeated).risk(shares))
    assert risk_coverage(weighted).area == pytest.approx(risk_coverage(repeated).area)


def test_a_threshold_makes_unlikely_answers_unsure_ones() -> None:
    y_score = np.array([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8]])
    decided = Predictions(y_true=np.array([0, 1, 1]), y_score=y_score, answered=np.array([0, 1, 1]))
    curve = risk_coverage(decided)
    assert curve.coverage == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert curve.errors == pytest.approx([0, 0, 0, 0])


def test_errors_of_numbers_by_fifths_of_the_answer() -> None:
    """Off by a tenth of the answer: 1 to 20, then 21 to 40 and so on, each too high."""
    answers = np.arange(1.0, 101.0)
    weight = np.where(np.arange(100) % 2 == 0, 2.0, 1.0)
    table = confidence_table(Predictions(y_true=0.9 * answers, y_score=answers))
    assert [(one.low, one.high, one.num_rows) for one in table.stretches] == [
        (20.0 * fifth + 1, 20.0 * fifth + 20, 20) for fifth in range(5)
    ]
    assert [one.error for one in table.stretches] == pytest.approx([1.05, 3.05, 5.05, 7.05, 9.05])
    assert [one.bias for one in table.stretches] == pytest.approx([one.error for one in table.stretches])
    low = confidence_table(Predictions(y_true=1.1 * answers, y_score=answers, weight=weight)).stretches
    assert [one.bias for one in low] == pytest.approx([-one.error for one in low])
    first = np.flatnonzero(answers <= low[0].high)
    assert low[0].error == pytest.approx(np.average(0.1 * answers[first], weights=weight[first]))
    (only,) = confidence_table(Predictions(y_true=answers, y_score=np.full(100, 50.0))).stretches
    assert (only.num_rows, only.bias) == (100, pytest.approx(-0.5))


def test_the_picture_says_the_area_in_words() -> None:
    plot = risk_by_coverage(risk_coverage(calibrated(2_000)))
    assert plot.name == "risk_coverage"
    assert plot.light.startswith(b"\x89PNG")
    assert f"the area below is {risk_coverage(calibrated(2_000)).area:.4f}" in plot.alt
