"""What answers cost: by hand, and where the least expected cost is known."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tasks.errors import UserError
from tasks.evaluation.comparison import compare
from tasks.evaluation.cost_matrix import check_costs, cost_matrix, with_unknown_classes
from tasks.evaluation.judge import Judge
from tasks.evaluation.judged_rows import JudgedRows
from tasks.evaluation.paired_tests import BOOTSTRAP
from tasks.evaluation.predictions import Predictions, evaluate_classification
from tasks.evaluation.slices import slices_of
from tasks.evaluation.thresholds import choose_threshold
from tasks.evaluation.weighted_metrics import Answers, metric_of_weights
from tasks.params.evaluate import Costs, Evaluate
from tasks.tables.dataset import Column

ABC = ("a", "b", "c")
COSTS = Evaluate(costs={"a": {"b": 2, "a": 0.5}, "c": {"a": 10}})


def test_a_right_answer_costs_nothing_and_a_mistake_that_is_not_named_1() -> None:
    assert cost_matrix(COSTS, ABC).tolist() == [[0.5, 2, 1], [1, 0, 1], [10, 1, 0]]
    assert cost_matrix(Evaluate(), ABC) is None
    assert cost_matrix(Evaluate(threshold=0.3), ("no", "yes")) is None
    # As YAML reads names without quotes.
    assert cost_matrix(Evaluate(costs={0: {True: 3}}), ("0", "true")).tolist() == [[0, 3], [1, 0]]


@pytest.mark.parametrize(("positive", "expected"), [(None, [[0, 2], [7, 0]]), ("no", [[0, 7], [2, 0]])])
def test_of_two_classes_the_thresholds_costs_will_do(positive: str | None, expected: list[list[float]]) -> None:
    config = Evaluate(positive=positive, threshold=Costs(false_positive=2, false_negative=7))
    assert cost_matrix(config, ("no", "yes")).tolist() == expected


def test_costs_of_what_is_no_class_are_refused() -> None:
    check_costs(COSTS, ABC)
    with pytest.raises(UserError, match=r"evaluate.costs: 'spamm' is no class; did you mean spam"):
        check_costs(Evaluate(costs={"spamm": {"ham": 2}}), ("ham", "spam"))
    with pytest.raises(UserError, match=r"evaluate.costs.spam: 'Ham' is no class; did you mean ham"):
        check_costs(Evaluate(costs={"spam": {"Ham": 2}}), ("ham", "spam"))
    with pytest.raises(UserError, match="the target is a number; remove it"):
        check_costs(COSTS, ())


def test_by_hand_each_row_as_much_as_it_weighs() -> None:
    # True a, a, b, c, c; answered a, b, b, a, b.
    scores = np.eye(3)[[0, 1, 1, 0, 1]] * 0.8 + 0.05
    predictions = Predictions(y_true=np.array([0, 0, 1, 2, 2]), y_score=scores)
    evaluation = evaluate_classification(ABC, predictions, COSTS)
    assert evaluation.metrics["expected_cost"] == pytest.approx((0.5 + 2 + 0 + 10 + 1) / 5)
    weight = np.array([1.0, 0.0, 2.0, 1.0, 4.0])
    weighed = evaluate_classification(ABC, Predictions(y_true=predictions.y_true, y_score=scores, weight=weight), COSTS)
    assert weighed.metrics["expected_cost"] == pytest.approx((0.5 + 0 + 10 + 4) / 8)
    answers = Answers(y_true=predictions.y_true, y_score=scores, costs=cost_matrix(COSTS, ABC))
    assert metric_of_weights("expected_cost", answers)(weight) == pytest.approx((0.5 + 0 + 10 + 4) / 8)
    assert "expected_cost" not in evaluate_classification(ABC, predictions, Evaluate()).metrics
    with pytest.raises(UserError, match="expected_cost needs what mistakes cost"):
        metric_of_weights("expected_cost", Answers(y_true=predictions.y_true, y_score=scores))


def test_the_chosen_threshold_has_the_least_expected_cost_that_there_is() -> None:
    """Of probabilities p that are true and uniform, from t on answered, a row costs 5 t² / 2 + (1 - t)² / 2: at the
    best t, 1 / 6, that is 30 / 72, and at one half 3 / 4."""
    random = np.random.default_rng(0)
    config = Evaluate(threshold=Costs(false_positive=1, false_negative=5))

    def drawn() -> Predictions:
        p = random.uniform(size=40_000)
        truth = (random.uniform(size=40_000) < p).astype(np.int64)
        return Predictions(y_true=truth, y_score=np.column_stack([1 - p, p]))

    decision = choose_threshold(("no", "yes"), config, drawn()).decision
    assert decision.threshold == pytest.approx(1 / 6, abs=0.03)
    test = drawn()
    costs = cost_matrix(config, ("no", "yes"))
    by_choice = Judge(metric="expected_cost", positive=1, decision=decision, costs=costs)
    likelier = Judge(metric="expected_cost", positive=1, costs=costs)
    ones = np.ones(40_000)
    assert by_choice.of(test.y_true, test.y_score)(ones) == pytest.approx(30 / 72, abs=0.02)
    assert likelier.of(test.y_true, test.y_score)(ones) == pytest.approx(3 / 4, abs=0.02)


def scored(answers: np.ndarray, num_classes: int = 3) -> np.ndarray:
    return np.eye(num_classes)[answers] * 0.8 + 0.2 / num_classes


def test_a_cheaper_challenger_is_surely_better_though_it_errs_more() -> None:
    """It mistakes no c for a, which costs 10, and half of the b for c, which costs 1."""
    y_true = np.tile([0, 1, 2], 100)
    random = np.random.default_rng(1)
    cheap = np.where((y_true == 1) & (random.uniform(size=300) < 0.5), 2, y_true)
    dear = np.where((y_true == 2) & (random.uniform(size=300) < 0.25), 0, y_true)
    rows = JudgedRows(classes=ABC, predictions=Predictions(y_true=y_true, y_score=scored(cheap)))
    champion = pl.DataFrame({f"probability_{name}": scored(dear)[:, place] for place, name in enumerate(ABC)})
    champion = champion.with_columns(prediction=pl.Series([ABC[place] for place in dear]))
    config = Evaluate(costs={"c": {"a": 10}})
    comparison = compare("expected_cost", rows, champion, config)
    assert comparison.challenger == pytest.approx((cheap != y_true).mean())
    assert comparison.champion == pytest.approx(10 * (dear != y_true).mean())
    assert comparison.test == BOOTSTRAP
    assert 0 < comparison.low < comparison.champion - comparison.challenger < comparison.high
    assert compare("accuracy", rows, champion, config).challenger < compare("accuracy", rows, champion, config).champion


def test_an_answer_that_is_no_class_of_today_costs_as_much_as_the_dearest() -> None:
    costs = cost_matrix(COSTS, ABC)
    assert with_unknown_classes(costs, 4).tolist() == [[0.5, 2, 1, 2], [1, 0, 1, 1], [10, 1, 0, 10], [0, 0, 0, 0]]
    assert with_unknown_classes(costs, 3).tolist() == costs.tolist()


def test_slices_are_tested_by_what_their_rows_cost() -> None:
    random = np.random.default_rng(2)
    y_true = np.tile([0, 1, 2], 200)
    town = pl.DataFrame({"town": random.choice(["Ulm", "Bonn"], 600)})
    is_ulm = (town["town"] == "Ulm").to_numpy()
    # As many mistakes in either town, and only in Ulm dear ones.
    errs = random.uniform(size=600) < 0.3
    answered = np.where(errs & (y_true == 2), np.where(is_ulm, 0, 1), y_true)
    rows = JudgedRows(classes=ABC, predictions=Predictions(y_true=y_true, y_score=scored(answered)))
    judge = Judge(metric="expected_cost", costs=cost_matrix(COSTS, ABC))
    report = slices_of(judge, rows, town, (Column(name="town", type="category", role="feature"),))
    assert (report.tested_by, report.shown[0].name) == ("expected_cost", "town is Ulm")
    by_hand = judge.costs[y_true, answered][is_ulm].mean()
    assert report.shown[0].value == pytest.approx(by_hand)
