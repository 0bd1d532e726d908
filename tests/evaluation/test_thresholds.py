"""What each threshold means for the validation rows, and the one that the costs choose."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, precision_recall_curve

from tasks.errors import UserError
from tasks.evaluation.predictions import Predictions
from tasks.evaluation.threshold_table import threshold_table
from tasks.evaluation.thresholds import cheapest, choose_threshold, refuse_threshold, threshold_curve
from tasks.params.evaluate import Costs, Evaluate

pytestmark = pytest.mark.chain


def calibrated(num_rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities that are true, and what came of them."""
    random = np.random.default_rng(seed)
    probability = random.uniform(size=num_rows)
    return random.uniform(size=num_rows) < probability, probability


def scored(truth: np.ndarray, probability: np.ndarray, weight: np.ndarray | None = None) -> Predictions:
    return Predictions(
        y_true=truth.astype(np.int64), y_score=np.column_stack([1 - probability, probability]), weight=weight
    )


def test_each_threshold_says_what_it_does_to_these_very_rows() -> None:
    truth, probability = calibrated(300)
    probability = probability.round(2)  # with ties
    costs = Costs(false_positive=2, false_negative=7)
    curve = threshold_curve(truth, probability, np.ones(300), costs)
    assert curve is not None
    assert len(curve.thresholds) == len(np.unique(probability)) + 1
    for entry, threshold in enumerate(curve.thresholds):
        answered = probability >= threshold
        (right_no, alarms), (missed, found) = confusion_matrix(truth, answered, labels=[False, True])
        assert curve.recall[entry] == pytest.approx(found / truth.sum())
        assert curve.false_alarms[entry] == pytest.approx(alarms / (~truth).sum())
        assert curve.cost[entry] == pytest.approx((2 * alarms + 7 * missed) / 300)
        assert right_no + alarms + missed + found == 300
    precision, recall, _ = precision_recall_curve(truth, probability)
    np.testing.assert_allclose(curve.precision[:-1], precision[:-1])
    np.testing.assert_allclose(curve.recall, recall)
    assert np.isnan(curve.precision[-1])


def test_rows_count_by_their_weight() -> None:
    truth, probability = calibrated(50)
    counts = np.random.default_rng(1).integers(1, 4, 50)
    weighed = threshold_curve(truth, probability, counts.astype(float), Costs(false_negative=3))
    repeated = threshold_curve(
        np.repeat(truth, counts), np.repeat(probability, counts), np.ones(counts.sum()), Costs(false_negative=3)
    )
    assert weighed is not None
    assert repeated is not None
    np.testing.assert_allclose(weighed.cost, repeated.cost)
    np.testing.assert_allclose(weighed.precision, repeated.precision)


@pytest.mark.parametrize(("alarm", "miss"), [(1, 5), (1, 1), (4, 1)])
def test_of_true_probabilities_the_cheapest_threshold_is_that_of_theory(alarm: float, miss: float) -> None:
    costs = Costs(false_positive=alarm, false_negative=miss)
    chosen = []
    for seed in range(5):
        truth, probability = calibrated(40_000, seed)
        curve = threshold_curve(truth, probability, np.ones(len(truth)), costs)
        assert curve is not None
        chosen.append(curve.thresholds[cheapest(curve, costs)])
    # The cost is flat about its least: it is 4 % off where the threshold is 0.05 off.
    assert np.mean(chosen) == pytest.approx(alarm / (alarm + miss), abs=0.05)


def test_of_equally_cheap_thresholds_it_is_the_one_nearest_to_theory() -> None:
    truth, probability = np.array([False, False, True, True]), np.array([0.1, 0.2, 0.8, 0.9])
    curve = threshold_curve(truth, probability, np.ones(4), Costs())
    assert curve is not None
    assert curve.thresholds[cheapest(curve, Costs())] == pytest.approx(0.5)


def test_the_choice_is_made_on_the_rows_that_it_is_given_and_named_by_its_class() -> None:
    truth, probability = calibrated(2000)
    config = Evaluate(positive="bad", threshold=Costs(false_negative=5))
    # "bad" is the first class: its probability is the first column.
    flipped = Predictions(y_true=(~truth).astype(np.int64), y_score=np.column_stack([probability, 1 - probability]))
    choice = choose_threshold(("bad", "good"), config, flipped)
    assert choice.decision.threshold == pytest.approx(1 / 6, abs=0.1)
    assert choice.as_dict() == {
        "positive": "bad",
        "threshold": choice.decision.threshold,
        "costs": {"false_positive": 1.0, "false_negative": 5.0},
    }
    answered = choice.decision.of(flipped.y_score) == 0
    np.testing.assert_array_equal(answered, probability >= choice.decision.threshold)
    likelier = choose_threshold(("bad", "good"), Evaluate(positive="bad"), flipped)
    costs = [
        np.mean(5 * (truth & ~by) + (~truth & by)) for by in (answered, likelier.decision.of(flipped.y_score) == 0)
    ]
    assert costs[0] < costs[1]


def test_a_number_is_taken_as_it_is_and_costs_need_rows_of_both_classes() -> None:
    only = scored(np.zeros(9, dtype=bool), np.linspace(0.1, 0.4, 9))
    assert choose_threshold(("a", "b"), Evaluate(threshold=0.3), only).decision.threshold == 0.3
    assert choose_threshold(("a", "b"), Evaluate(), only).curve is None
    with pytest.raises(UserError, match="the 9 validation rows are all of one class"):
        choose_threshold(("a", "b"), Evaluate(threshold=Costs()), only)


@pytest.mark.parametrize(("num_classes", "here"), [(3, "here are 3"), (0, "here is a number")])
def test_a_threshold_is_of_two_classes(num_classes: int, here: str) -> None:
    refuse_threshold(Evaluate(), num_classes)
    with pytest.raises(UserError, match=f"decides between two classes, and {here}; remove it from params.yaml"):
        refuse_threshold(Evaluate(threshold=0.4), num_classes)


def test_where_a_miss_costs_most_of_all_every_row_is_answered_positive() -> None:
    truth, probability = np.array([True, False, True, False]), np.array([0.0, 0.2, 0.7, 1.0])
    rows = scored(truth, probability)
    choice = choose_threshold(("no", "yes"), Evaluate(threshold=Costs(false_negative=1000)), rows)
    assert choice.decision.of(rows.y_score).tolist() == [1, 1, 1, 1]
    (used,) = [row for row in threshold_table(choice, rows).rows if row.is_used]
    assert (used.threshold, used.recall, used.false_alarms, used.cost) == (0.0, 1.0, 1.0, 0.5)


def test_the_table_shows_tenths_and_the_threshold_that_is_used() -> None:
    truth, probability = calibrated(400)
    rows = scored(truth, probability)
    table = threshold_table(choose_threshold(("no", "yes"), Evaluate(threshold=0.25), rows), rows)
    assert [row.threshold for row in table.rows] == [0.1, 0.2, 0.25, *(round(0.1 * tenth, 1) for tenth in range(3, 10))]
    (used,) = [row for row in table.rows if row.is_used]
    answered = probability >= 0.25
    assert used.recall == pytest.approx((truth & answered).sum() / truth.sum())
    assert used.precision == pytest.approx((truth & answered).sum() / answered.sum())
    assert table.note.startswith("0.2500 is what params.yaml says")
    assert "0.25 is used" in table.picture.alt
    wrong, as_usual = (np.mean(truth != (probability >= threshold)) for threshold in (0.25, 0.5))
    assert f"A test row costs {wrong:.4f} by it, and {as_usual:.4f} where the likelier class is answered" in table.note
    as_usual = threshold_table(choose_threshold(("no", "yes"), Evaluate(), rows), rows)
    assert [row.threshold for row in as_usual.rows if row.is_used] == [0.5]
