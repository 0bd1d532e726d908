"""What answers cost: by hand, and where the least expected cost is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tasks import files
from tasks.errors import UserError
from tasks.evaluation.answer_costs import answer_costs
from tasks.evaluation.comparison import compare
from tasks.evaluation.cost_matrix import check_costs, cost_matrix, decision_by_cost, with_unknown_classes
from tasks.evaluation.judge import Judge
from tasks.evaluation.judged_rows import JudgedRows
from tasks.evaluation.paired_tests import BOOTSTRAP
from tasks.evaluation.predictions import Predictions, evaluate_classification
from tasks.evaluation.slices import slices_of
from tasks.evaluation.thresholds import choose_threshold
from tasks.evaluation.weighted_metrics import Answers, metric_of_weights
from tasks.model_input.decision import LIKELIEST, is_chosen, read_decision
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


DEAR = Evaluate(costs={"c": {"a": 10, "b": 4}, "a": {"c": 2}})
BY_COST = DEAR.model_copy(update={"answer": "least_cost"})


def test_the_answer_of_least_expected_cost_by_hand() -> None:
    """Costs of answering a, b and c: of a 0, 1, 2; of b 1, 0, 1; of c 10, 4, 0."""
    decision = decision_by_cost(BY_COST, ABC)
    assert decision.costs == ((0, 1, 2), (1, 0, 1), (10, 4, 0))
    scores = np.array([[0.7, 0.2, 0.1], [0.6, 0.4, 0.0], [0.4, 0.4, 0.2], [0.5, 0.1, 0.4]])
    # 0.2 + 1.0, 0.7 + 0.4 and 1.4 + 0.2: b, by a little. 0.4, 0.6, 1.6: a. 0.4 + 2, 0.4 + 0.8, 0.8 + 0.4: both 1.2, so
    # b, the first of them. 0.1 + 4, 0.5 + 1.6, 1.0 + 0.1: c.
    assert decision.of(scores).tolist() == [1, 0, 1, 2]
    assert decision_by_cost(DEAR, ABC) == decision_by_cost(Evaluate(), ABC) == LIKELIEST
    assert LIKELIEST.of(scores).tolist() == [0, 0, 0, 0]


def test_both_ways_to_answer_by_hand_and_what_is_saved() -> None:
    scores = np.array([[0.7, 0.2, 0.1], [0.6, 0.4, 0.0], [0.4, 0.4, 0.2], [0.5, 0.1, 0.4]])
    rows = JudgedRows(classes=ABC, predictions=Predictions(y_true=np.array([0, 1, 2, 2]), y_score=scores))
    judge = Judge(metric="accuracy", costs=cost_matrix(DEAR, ABC))
    # The likeliest is a each time: 0 + 1 + 10 + 10. By cost b, a, b, c: 1 + 1 + 4 + 0.
    costs = answer_costs(DEAR, judge, rows)
    assert (costs.likeliest, costs.least_expected, costs.saving) == (21 / 4, 6 / 4, 15 / 4)
    assert (costs.num_changed, costs.num_rows, costs.is_used) == (3, 4, False)
    weighed = replace(rows, predictions=replace(rows.predictions, weight=np.array([1.0, 1.0, 2.0, 0.0])))
    assert answer_costs(BY_COST, judge, weighed).least_expected == pytest.approx((1 + 1 + 8) / 4)
    assert answer_costs(BY_COST, judge, weighed).is_used
    assert answer_costs(Evaluate(), judge, rows) is None


def test_by_true_probabilities_no_answer_costs_less() -> None:
    """What a row costs then is the least of what its answers would cost on average."""
    random = np.random.default_rng(5)
    scores = random.dirichlet([1, 1, 1], 40_000)
    y_true = (random.uniform(size=(40_000, 1)) > scores.cumsum(axis=1)).sum(axis=1)
    matrix = cost_matrix(DEAR, ABC)
    rows = JudgedRows(classes=ABC, predictions=Predictions(y_true=y_true, y_score=scores))
    judge = Judge(metric="expected_cost", costs=matrix, decision=decision_by_cost(BY_COST, ABC))
    expected = (scores @ matrix).min(axis=1).mean()
    assert judge.of(y_true, scores)(rows.weights) == pytest.approx(expected, abs=0.02)
    likeliest = matrix[y_true, scores.argmax(axis=1)].mean()
    assert likeliest > expected + 0.3


def test_what_decides_by_cost_is_written_and_read_for_the_same_classes_alone(tmp_path: Path) -> None:
    path = tmp_path / "decision.json"
    content = {"threshold": None, "answer_costs": {"classes": list(ABC), "costs": [[0, 1, 2], [1, 0, 1], [10, 4, 0]]}}
    files.write_json(path, content)
    assert read_decision(path, ABC) == decision_by_cost(BY_COST, ABC)
    assert is_chosen(content)
    assert not is_chosen({"threshold": None})
    with pytest.raises(UserError, match="its costs are of 'a', 'b', 'c', other classes; run evaluate again"):
        read_decision(path, ("a", "b", "d"))


def test_the_least_cost_is_refused_where_it_has_no_say() -> None:
    with pytest.raises(ValueError, match="answer: least_cost needs to know what answers cost"):
        Evaluate(answer="least_cost")
    with pytest.raises(UserError, match=r"least_cost is of three classes or more, and here are two; write instead"):
        check_costs(Evaluate(answer="least_cost", costs={"no": {"yes": 2}}), ("no", "yes"))


def test_a_champion_of_three_classes_is_judged_by_what_it_answers() -> None:
    """It answers by costs of its own, and not its likeliest class."""
    y_true = np.tile([0, 1, 2], 60)
    rows = JudgedRows(classes=ABC, predictions=Predictions(y_true=y_true, y_score=scored(y_true)))
    champion = pl.DataFrame({f"probability_{name}": scored(y_true)[:, place] for place, name in enumerate(ABC)})
    answered = champion.with_columns(prediction=pl.Series(["b" if place == 0 else ABC[place] for place in y_true]))
    assert compare("accuracy", rows, answered, Evaluate()).champion == pytest.approx(2 / 3)
