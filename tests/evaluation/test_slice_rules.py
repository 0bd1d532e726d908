"""Rules for kinds of rows: simulated rows of which is known where the model is worse, and where it is not."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy.stats import binom, binomtest

from tasks.evaluation.bound_test import worse_than_bound
from tasks.evaluation.comparison import compare
from tasks.evaluation.judge import Judge
from tasks.evaluation.judged_rows import JudgedRows
from tasks.evaluation.paired_bootstrap import num_units_of_rarest_class
from tasks.evaluation.partitions import Partition
from tasks.evaluation.predictions import Predictions
from tasks.evaluation.slice_rules import ComparedSlices, bounds_in_slices, p_values_of_metrics
from tasks.measures import Measure, measures_of_metrics
from tasks.params.evaluate import Evaluate
from tasks.params.register import Bound, SliceRules
from tasks.promotion.gate import judge
from tasks.promotion.gate_rule import GateRule


def right_with(chance: np.ndarray, random: np.random.Generator, **more: np.ndarray) -> JudgedRows:
    """Two classes, answered right with this chance [N]."""
    truth = random.integers(0, 2, len(chance))
    answer = np.where(random.uniform(size=len(chance)) < chance, truth, 1 - truth)
    of_one = 0.5 + np.where(answer == 1, 1, -1) * random.uniform(0.05, 0.4, len(chance))
    predictions = Predictions(y_true=truth, y_score=np.column_stack([1 - of_one, of_one]), weight=more.get("weight"))
    return JudgedRows(classes=("no", "yes"), predictions=predictions, groups=more.get("groups"))


def by_towns(num_towns: int, num_rows: int) -> Partition:
    """So many slices of as many rows."""
    names = tuple(f"town is {number}" for number in range(num_towns))
    return Partition(columns=("town",), names=names, codes=np.repeat(np.arange(num_towns), num_rows))


def test_a_share_of_rows_is_tested_as_binomtest_has_it():
    rows = right_with(np.full(80, 0.7), np.random.default_rng(0))
    num_right = int((rows.predictions.y_pred == rows.predictions.y_true).sum())
    expected = binomtest(num_right, 80, 0.9, alternative="less").pvalue
    assert worse_than_bound(Judge(metric="accuracy"), rows, 0.9) == pytest.approx(expected, rel=1e-12)
    assert worse_than_bound(Judge(metric="accuracy"), rows, num_right / 80) == 1.0
    is_yes = rows.predictions.y_true == 1
    num_found = int((rows.predictions.y_pred[is_yes] == 1).sum())
    expected = binom.cdf(num_found, is_yes.sum(), 0.9)
    assert worse_than_bound(Judge(metric="recall", positive=1), rows, 0.9) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("metric", ["roc_auc", "log_loss", "brier", "f1"])
def test_what_is_at_its_bound_is_called_worse_no_more_often_than_said(metric: str):
    random, judge = np.random.default_rng(1), Judge(metric=metric, positive=1)
    truth = judge.of(*_answers(right_with(np.full(200_000, 0.75), random)))(np.ones(200_000))
    p_values = [worse_than_bound(judge, right_with(np.full(60, 0.75), random), truth) for _ in range(150)]
    # 5 %, and two and a half standard errors of 150 draws.
    assert np.mean(np.array(p_values) <= 0.05) <= 0.05 + 2.5 * np.sqrt(0.05 * 0.95 / 150)
    worse = [worse_than_bound(judge, right_with(np.full(60, 0.45), random), truth) for _ in range(20)]
    assert np.mean(np.array(worse) <= 0.05) > 0.8


def _answers(rows: JudgedRows) -> tuple[np.ndarray, np.ndarray]:
    return rows.predictions.y_true, rows.predictions.y_score


def test_rows_of_one_group_are_no_evidence_of_their_own():
    random = np.random.default_rng(2)
    groups = np.repeat(np.arange(6), 20)
    # Three of six groups are answered wrong as a whole.
    rows = right_with(np.where(groups < 3, 0.0, 1.0), random, groups=groups)
    alone = right_with(np.where(groups < 3, 0.0, 1.0), np.random.default_rng(2))
    assert worse_than_bound(Judge(metric="accuracy"), alone, 0.8) < 1e-9
    assert worse_than_bound(Judge(metric="accuracy"), rows, 0.8) > 0.05


def test_rows_that_are_all_alike_do_not_say_how_others_would_be():
    rows = right_with(np.zeros(20), np.random.default_rng(3), weight=np.linspace(1, 2, 20))
    assert np.isnan(worse_than_bound(Judge(metric="accuracy"), rows, 0.5))


@pytest.mark.parametrize("metric", ["roc_auc", "pr_auc", "balanced_accuracy", "f1"])
def test_few_rows_of_a_class_do_not_break_a_bound_for_sure(metric: str):
    """One row that happens to be ranked last says nothing, and two say little: of 400 such rows at a true area of 0.75,
    7 % had p < 0.001 when drawn rows were counted instead."""
    for num_positive, least in ((1, None), (2, 0.01)):
        truth = np.repeat([1, 0], [num_positive, 21])
        of_one = np.concatenate([np.linspace(0.05, 0.08, num_positive), np.linspace(0.1, 0.6, 21)])
        predictions = Predictions(
            y_true=truth, y_score=np.column_stack([1 - of_one, of_one]), weight=np.linspace(1, 2, len(truth))
        )
        rows = JudgedRows(classes=("no", "yes"), predictions=predictions)
        p = worse_than_bound(Judge(metric=metric, positive=1), rows, 0.75)
        assert np.isnan(p) if least is None else np.isnan(p) or p > least


def test_rows_of_the_rarest_class_are_counted_by_group_and_only_where_they_count():
    truth, groups = np.array([0, 0, 0, 0, 1, 1, 1]), np.array([0, 0, 1, 2, 3, 3, 4])
    assert num_units_of_rarest_class(truth, np.ones(7), None) == 3
    assert num_units_of_rarest_class(truth, np.ones(7), groups) == 2
    assert num_units_of_rarest_class(truth, np.array([1, 1, 1, 1, 1, 1, 0]), groups) == 1
    assert num_units_of_rarest_class(truth, np.zeros(7), groups) == 0


def in_slices(metric: str, rows: JudgedRows, tested: Partition, rules: SliceRules) -> tuple[GateRule, ...]:
    """What the verdict says of the slices, where the gate asks nothing else."""
    return judge({}, {}, bounds_in_slices(Judge(metric=metric), rows, [tested], rules)).rules


def test_equal_slices_break_a_bound_that_they_are_at_no_more_often_than_said():
    """Twenty slices at the bound: by the worst value nearly all would be refused."""
    random, rules, tested = np.random.default_rng(4), SliceRules(min=0.8), by_towns(20, 50)
    refused, below = [], []
    for _ in range(200):
        (first, *_) = in_slices("accuracy", right_with(np.full(1000, 0.8), random), tested, rules)
        refused.append(not first.passed)
        below.append(first.value < 0.8)
    assert np.mean(refused) <= 0.05 + 2.5 * np.sqrt(0.05 * 0.95 / 200)
    assert np.mean(below) > 0.99


def test_a_model_that_is_at_every_bound_is_refused_by_rules_and_slices_together_no_more_often_than_said():
    """Three rules of the gate and twenty slices, all true values at their bounds: each at 5 % by itself, nearly every
    second version would be refused."""
    random, num_draws = np.random.default_rng(11), 300
    judged_by, tested = Judge(metric="accuracy", positive=1), [by_towns(20, 50)]
    bounds = {
        "accuracy": Bound(min=0.8, surely="broken"),
        "recall": Bound(min=0.8, surely="broken"),
        "robustness_loss": Bound(max=0.1, surely="broken"),
    }
    refused, by_each = [], []
    for _ in range(num_draws):
        rows = right_with(np.full(1000, 0.8), random)
        slices = bounds_in_slices(judged_by, rows, tested, SliceRules(min=0.8))
        p_values = p_values_of_metrics(judged_by, rows, bounds)
        loss = random.normal(0.1, 0.02)
        measures = {
            **measures_of_metrics({"accuracy": 0.79, "recall": 0.79}, {}, 1000),
            "robustness_loss": Measure(value=loss, low=loss - 1.96 * 0.02, high=loss + 1.96 * 0.02),
        }
        verdict = judge(bounds, measures, slices, alpha=0.05, p_values=p_values)
        assert verdict.rules[0].num_tests == 23
        refused.append(not verdict.passed)
        by_each.append(min(rule.p_value for rule in (*verdict.rules, *slices)) <= 0.05)
    assert np.mean(refused) <= 0.05 + 2.5 * np.sqrt(0.05 * 0.95 / num_draws)
    assert np.mean(by_each) > 0.4


def test_a_metric_that_surely_breaks_its_bound_is_refused_by_its_own_test():
    rows = right_with(np.full(400, 0.6), np.random.default_rng(12))
    judged_by = Judge(metric="accuracy", positive=1)
    bounds = {"accuracy": Bound(min=0.8, surely="broken"), "f1": Bound(max=0.9, surely="broken"), "brier": Bound(max=1)}
    p_values = p_values_of_metrics(judged_by, rows, bounds)
    # A most of what is better when more is judged by its interval, and a rule by its value by nothing.
    assert list(p_values) == ["accuracy"]
    assert p_values["accuracy"] == worse_than_bound(judged_by, rows, 0.8) < 1e-9


def test_the_slices_that_surely_break_the_bound_are_named_with_their_numbers():
    chance = np.full(1000, 0.92)
    chance[100:150], chance[300:350] = 0.4, 0.5
    rows = right_with(chance, np.random.default_rng(5))
    rules = in_slices("accuracy", rows, by_towns(20, 50), SliceRules(min=0.8))
    assert {rule.of for rule in rules} == {"town is 2", "town is 6"}
    assert all(not rule.passed and rule.num_rows == 50 and rule.num_tests == 20 for rule in rules)
    assert rules[0].p_value <= rules[1].p_value < 0.001
    assert rules[0].adjusted_p_value == pytest.approx(20 * rules[0].p_value)
    assert rules[1].adjusted_p_value == pytest.approx(19 * rules[1].p_value)
    value = rules[0].value
    assert rules[0].sentence() == (
        f"accuracy ({rules[0].of}) {value:g} is below the least that is allowed, 0.8, and surely so: 50 rows, p "
        f"{rules[0].adjusted_p_value:.2g} after all 20 rules and slices"
    )


def test_a_bound_that_holds_has_the_slice_that_is_nearest_to_it():
    rows = right_with(np.repeat([0.99, 0.84, 0.99], 400), np.random.default_rng(6))
    (rule,) = in_slices("accuracy", rows, by_towns(3, 400), SliceRules(min=0.7))
    assert (rule.of, rule.passed) == ("town is 1", True)
    assert rule.sentence() == f"accuracy (town is 1) {rule.value:g} keeps its bounds"
    (rule,) = in_slices("accuracy", rows, by_towns(3, 400), SliceRules(min=rule.value + 0.005))
    assert rule.passed
    assert "but not surely: 400 rows, p " in rule.sentence()


def test_of_an_error_the_most_is_bounded():
    truth = np.random.default_rng(7).normal(size=300)
    answer = truth + np.repeat([0.1, 2.0, 0.1], 100) * np.random.default_rng(8).normal(size=300)
    rows = JudgedRows(classes=(), predictions=Predictions(y_true=truth, y_score=answer))
    (rule,) = in_slices("rmse", rows, by_towns(3, 100), SliceRules(max=1.0))
    assert (rule.of, rule.passed) == ("town is 1", False)


def champion_of(rows: JudgedRows) -> pl.DataFrame:
    names = np.array(rows.classes)
    scores = rows.predictions.y_score
    return pl.DataFrame(
        {"prediction": names[rows.predictions.y_pred], "probability_no": scores[:, 0], "probability_yes": scores[:, 1]}
    )


def two_models(ours: np.ndarray, theirs: np.ndarray, random: np.random.Generator) -> tuple[JudgedRows, pl.DataFrame]:
    """The challenger's answers and the champion's to the same rows, each right with these chances [N]."""
    rows = right_with(ours, random)
    truth = rows.predictions.y_true
    answer = np.where(random.uniform(size=len(truth)) < theirs, truth, 1 - truth)
    other = Predictions(y_true=truth, y_score=np.eye(2)[answer])
    return rows, champion_of(JudgedRows(classes=rows.classes, predictions=other))


def test_where_the_champion_is_surely_better_is_named_though_the_challenger_is_better_as_a_whole():
    ours = np.full(2000, 0.95)
    ours[:100] = 0.3
    rows, champion = two_models(ours, np.full(2000, 0.85), np.random.default_rng(9))
    asked = ComparedSlices(partitions=[by_towns(20, 100)], worse_by=0.05, alpha=0.05)
    comparison = compare("accuracy", rows, champion, Evaluate(), slices=asked)
    assert comparison.challenger > comparison.champion
    (loss,) = comparison.slices
    assert (loss.name, loss.num_rows) == ("town is 0", 100)
    assert loss.loss > 0.2
    assert loss.p_value < 0.001
    assert loss.adjusted_p_value == pytest.approx(min(1, 20 * loss.p_value))
    # Rows that the champion has learnt from tell nothing here either.
    learnt = np.arange(2000) < 100
    assert compare("accuracy", rows, champion, Evaluate(), learnt=learnt, slices=asked).slices == ()


def test_equal_models_lose_in_a_slice_no_more_often_than_said():
    random, asked = np.random.default_rng(10), ComparedSlices(partitions=[by_towns(10, 60)], worse_by=0.0, alpha=0.05)
    lost = []
    for _ in range(150):
        rows, champion = two_models(np.full(600, 0.8), np.full(600, 0.8), random)
        lost.append(bool(compare("accuracy", rows, champion, Evaluate(), slices=asked).slices))
    assert np.mean(lost) <= 0.05 + 2.5 * np.sqrt(0.05 * 0.95 / 150)
