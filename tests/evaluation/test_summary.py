"""The metric that a pipeline is judged by, how sure it is, and whether it is better than no model at all."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tasks.evaluation.baseline import Baseline
from tasks.evaluation.judge import Judge
from tasks.evaluation.judged_rows import JudgedRows
from tasks.evaluation.predictions import Predictions
from tasks.evaluation.summary import summary
from tasks.model_input.decision import Decision
from tasks.params.config import MetricOfClasses

pytestmark = pytest.mark.chain

ALWAYS = Baseline(name="always 'a'", answer=np.array([0.6, 0.4]))


def rows(num_rows: int, noise: float, seed: int, groups: np.ndarray | None = None) -> JudgedRows:
    """Of two classes, b in 4 of 10 rows; the probability of b is that of the truth, blurred by noise."""
    random = np.random.default_rng(seed)
    truth = (random.uniform(size=num_rows) < 0.4).astype(np.int64)
    of_b = 1 / (1 + np.exp(-(4 * truth - 2 + random.normal(0, noise, num_rows))))
    predictions = Predictions(y_true=truth, y_score=np.column_stack([1 - of_b, of_b]))
    return JudgedRows(classes=("a", "b"), predictions=predictions, groups=groups)


def test_a_model_that_knows_something_is_surely_better_than_the_baseline() -> None:
    judged = rows(400, 2.0, 0)
    result = summary(Judge(metric="accuracy"), judged, ALWAYS)
    truth, score = judged.predictions.y_true, judged.predictions.y_score
    assert result.value == pytest.approx(np.mean(score.argmax(axis=1) == truth))
    assert result.baseline_value == pytest.approx(np.mean(truth == 0))
    assert result.low is not None
    assert result.high is not None
    assert result.low < result.value < result.high
    # The interval of a share, by the normal approximation.
    reach = 1.96 * np.sqrt(result.value * (1 - result.value) / 400)
    assert result.high - result.low == pytest.approx(2 * reach, rel=0.15)
    assert result.beats is True
    ranked = summary(Judge(metric="roc_auc", positive=1), judged, ALWAYS)
    assert ranked.value == pytest.approx(roc_auc_score(truth, score[:, 1]))
    assert ranked.baseline_value == 0.5


@pytest.mark.parametrize("metric", ["accuracy", "roc_auc", "log_loss"])
def test_a_model_that_knows_nothing_is_not(metric: str) -> None:
    judged = rows(300, 2.0, 1)
    random = np.random.default_rng(2).uniform(0.3, 0.5, 300)
    blind = Predictions(y_true=judged.predictions.y_true, y_score=np.column_stack([1 - random, random]))
    result = summary(Judge(metric=metric, positive=1), JudgedRows(classes=("a", "b"), predictions=blind), ALWAYS)
    assert result.beats is False


def test_the_threshold_is_the_models_own() -> None:
    judged = rows(400, 2.0, 3)
    result = summary(Judge(metric="recall", positive=1, decision=Decision(threshold=0.01)), judged, ALWAYS)
    assert result.value > 0.95
    assert result.baseline_value == 0.0


def test_rows_of_a_group_are_drawn_together_and_one_alone_has_no_interval() -> None:
    groups = np.repeat(np.arange(20), 20)
    apart, together = (summary(Judge(metric="accuracy"), rows(400, 2.0, 4, of), ALWAYS) for of in (None, groups))
    assert (apart.num_groups, together.num_groups) == (None, 20)
    assert apart.value == together.value
    single = summary(Judge(metric="accuracy"), rows(30, 2.0, 5, np.zeros(30, dtype=np.int64)), ALWAYS)
    assert (single.low, single.high, single.beats, single.num_groups) == (None, None, None, None)


def test_errors_are_better_when_they_are_small() -> None:
    random = np.random.default_rng(6)
    truth = random.normal(50, 10, 200)
    mean = Baseline(name="always the mean, 50", answer=np.array([50.0]))
    for noise, beats in ((3.0, True), (15.0, False)):
        predictions = Predictions(y_true=truth, y_score=truth + random.normal(0, noise, 200))
        result = summary(Judge(metric="rmse"), JudgedRows(classes=(), predictions=predictions), mean)
        assert result.beats is beats
        assert result.baseline_value == pytest.approx(np.sqrt(np.mean((truth - 50) ** 2)))


def test_every_metric_has_the_interval_that_it_has_alone() -> None:
    judged = rows(150, 2.0, 7)
    metrics = get_args(MetricOfClasses)
    costs = np.array([[0.0, 1.0], [4.0, 0.0]])
    together = summary(Judge(metric="accuracy", positive=1, costs=costs), judged, ALWAYS, metrics).intervals
    assert list(together) == list(metrics)
    for metric in ("f1", "roc_auc", "brier", "balanced_accuracy", "mcc", "pr_auc", "expected_cost"):
        alone = summary(Judge(metric=metric, positive=1, costs=costs), judged, ALWAYS)
        assert together[metric] == (alone.low, alone.high)
    # Rows that are drawn twice would make it larger than it is.
    assert together["calibration_error"] is None


def test_of_many_rows_too_the_pipelines_metric_has_one_interval() -> None:
    """Those of all metrics are drawn less often then."""
    result = summary(Judge(metric="roc_auc", positive=1), rows(6_000, 2.0, 9), ALWAYS, ["roc_auc", "f1"])
    assert result.intervals["roc_auc"] == (result.low, result.high)
    assert result.intervals["f1"] is not None
    by_calibration = summary(Judge(metric="calibration_error", positive=1), rows(300, 2.0, 9), ALWAYS)
    assert (by_calibration.low, by_calibration.high) == (None, None)


@pytest.mark.long
def test_an_interval_holds_the_truth_as_often_as_it_says() -> None:
    """The truth is that of 200,000 rows; of 200 tests of 150 rows 95 % hold it, give or take three standard errors."""
    metrics: tuple[MetricOfClasses, ...] = ("balanced_accuracy", "mcc", "pr_auc", "brier")
    judge, many = Judge(metric="brier", positive=1), rows(200_000, 2.0, 8).predictions
    truth = {
        metric: replace(judge, metric=metric).of(many.y_true, many.y_score)(np.ones(200_000)) for metric in metrics
    }
    holds: dict[str, list[bool]] = {metric: [] for metric in metrics}
    for seed in range(200):
        # All at once: each has the interval that it has alone, by the test above.
        for metric, (low, high) in summary(judge, rows(150, 2.0, 100 + seed), ALWAYS, metrics).intervals.items():
            holds[metric].append(low <= truth[metric] <= high)
    shares = {metric: np.mean(held) for metric, held in holds.items()}
    least = 0.95 - 3 * np.sqrt(0.95 * 0.05 / 200)
    assert {metric: share for metric, share in shares.items() if share <= least} == {}
    assert list(shares) == [*metrics]
