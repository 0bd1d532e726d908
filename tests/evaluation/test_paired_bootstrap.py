"""The interval of a difference: as scipy has it, and true as often as it says."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy.stats import bootstrap

from tasks.evaluation.paired_bootstrap import (
    NUM_RESAMPLES,
    group_numbers,
    interval_of_largest,
    paired_interval,
    resampled_differences,
)
from tasks.evaluation.weighted_metrics import Answers, metric_of_weights


def mean_of(values):
    return lambda weights: float(weights @ values / weights.sum())


def test_the_resamples_are_those_of_scipys_paired_bootstrap():
    """Of a ratio, which no formula of a mean gives: RMSE."""
    random = np.random.default_rng(0)
    y_true = random.normal(size=500)
    first, second = y_true + random.normal(size=500), y_true + 1.2 * random.normal(size=500)
    of_first, of_second = (
        metric_of_weights("rmse", Answers(y_true=y_true, y_score=answers)) for answers in (first, second)
    )
    ours = resampled_differences(of_first, of_second, np.ones(500), None, 20_000)

    def difference(true, one, other, axis=-1):
        errors = (np.sqrt(np.square(answers - true).mean(axis=axis)) for answers in (one, other))
        return next(errors) - next(errors)

    theirs = bootstrap(
        (y_true, first, second), difference, paired=True, n_resamples=20_000, method="percentile", rng=1, batch=500
    )
    width = np.diff(theirs.confidence_interval)[0]
    assert np.quantile(ours, [0.025, 0.975]) == pytest.approx(list(theirs.confidence_interval), abs=0.03 * width)
    assert ours.std() == pytest.approx(theirs.standard_error, rel=0.03)


@pytest.mark.parametrize("num_rows", [25, 200])
def test_it_holds_the_true_difference_as_often_as_it_says(num_rows):
    """Of 400 samples 95 %, give or take 3 standard errors of that share."""
    random, true, holds = np.random.default_rng(3), 0.2, []
    for _ in range(400):
        common = random.normal(size=num_rows)
        first = common + true + random.normal(size=num_rows)
        interval = paired_interval(mean_of(first), mean_of(common), np.ones(num_rows))
        holds.append(interval.low <= true <= interval.high)
    assert np.mean(holds) == pytest.approx(0.95, abs=3 * np.sqrt(0.95 * 0.05 / 400))


def test_rows_of_a_group_count_as_one():
    """Twenty rows a group, all alike: by rows the interval would be a fourth as wide, and wrong most of the time."""
    random, holds, holds_by_rows = np.random.default_rng(4), [], []
    groups = np.repeat(np.arange(15), 20)
    for _ in range(300):
        values = np.repeat(random.normal(0.1, 1, 15), 20)
        zeros = mean_of(np.zeros(300))
        by_group = paired_interval(mean_of(values), zeros, np.ones(300), groups)
        by_row = paired_interval(mean_of(values), zeros, np.ones(300))
        assert by_group.num_units == 15
        holds.append(by_group.low <= 0.1 <= by_group.high)
        holds_by_rows.append(by_row.low <= 0.1 <= by_row.high)
    assert np.mean(holds) == pytest.approx(0.95, abs=3 * np.sqrt(0.95 * 0.05 / 300))
    assert np.mean(holds_by_rows) < 0.6


def test_the_same_rows_give_the_same_interval_and_the_mirrored_one_from_the_other_side():
    random = np.random.default_rng(5)
    one, other = mean_of(random.normal(size=80)), mean_of(random.normal(size=80))
    interval = paired_interval(one, other, np.ones(80))
    assert interval == paired_interval(one, other, np.ones(80))
    mirrored = paired_interval(other, one, np.ones(80))
    assert (mirrored.low, mirrored.high) == pytest.approx((-interval.high, -interval.low))


def test_two_models_that_answer_alike_differ_by_nothing():
    same = mean_of(np.random.default_rng(6).normal(size=50))
    interval = paired_interval(same, same, np.ones(50))
    assert (interval.low, interval.high) == (0.0, 0.0)


def test_weights_count_in_every_resample():
    values = np.array([1.0] * 50 + [0.0] * 50)
    weights = np.array([0.0] * 50 + [2.0] * 50)
    interval = paired_interval(mean_of(values), mean_of(np.zeros(100)), weights)
    assert (interval.low, interval.high) == (0.0, 0.0)


def test_one_group_alone_has_no_interval():
    values = mean_of(np.arange(5.0))
    assert paired_interval(values, values, np.ones(5), np.zeros(5, dtype=np.int64)) is None


def test_resamples_without_a_class_are_left_out():
    """One positive row of 30: of resamples a third lack it, and have no ROC-AUC."""
    y_true = np.array([1] + [0] * 29)
    scores = np.random.default_rng(7).random(30)
    answers = Answers(y_true=y_true, y_score=np.column_stack([1 - scores, scores]), positive=1)
    area = metric_of_weights("roc_auc", answers)
    resampled = resampled_differences(area, lambda _: 0.5, np.ones(30), None, NUM_RESAMPLES)
    left = resampled[~np.isnan(resampled)]
    assert len(left) == pytest.approx(NUM_RESAMPLES * (1 - (29 / 30) ** 30), rel=0.05)
    assert np.isfinite(left).all()


def test_groups_are_numbered_and_rows_without_one_are_their_own():
    assert group_numbers(pl.Series(["b", "", "a", "b", ""])).tolist() == [2, 0, 1, 2, 0]
    # As in the split, a row without a group is one of its own.
    assert group_numbers(pl.Series(["b", None, "a", "b", None])).tolist() == [1, 2, 0, 1, 3]
    assert group_numbers(pl.Series([None, None], dtype=pl.String)).tolist() == [0, 1]


@pytest.mark.parametrize("truth", [[0.1] * 6, [0.02, 0.05, 0.1, 0.02, 0.0, 0.1]])
def test_the_largest_of_several_lies_within_its_interval_as_often_as_said(truth: list[float]) -> None:
    """Losses of 200 rows by six disturbances, some of which go together; the interval of the worst alone is too low."""
    random, num_draws, num_rows = np.random.default_rng(3), 400, 200
    counts = random.multinomial(num_rows, np.full(num_rows, 1 / num_rows), size=400) / num_rows
    within, above_alone = [], []
    for _ in range(num_draws):
        shared = random.normal(size=(num_rows, 1))
        losses = np.array(truth) + 0.5 * (shared * [1, 1, 0, 0, 0, 1] + random.normal(size=(num_rows, 6)))
        values, resampled = losses.mean(axis=0), counts @ losses
        interval = interval_of_largest(values, resampled, num_rows)
        within.append(interval.low <= max(truth) <= interval.high)
        above_alone.append(np.quantile(resampled[:, values.argmax()], 0.025) > max(truth))
    assert np.mean(within) >= 0.95 - 2.5 * np.sqrt(0.05 * 0.95 / num_draws)
    if truth[0] == max(truth):
        assert np.mean(above_alone) > 0.05


def test_of_what_no_draw_moves_nothing_is_in_doubt() -> None:
    interval = interval_of_largest(np.array([0.1, 0.0]), np.tile([0.1, 0.0], (50, 1)), 20)
    assert (interval.low, interval.high) == (0.1, 0.1)
    assert interval_of_largest(np.array([0.1]), np.full((50, 1), 0.1), 1) is None
    assert interval_of_largest(np.array([0.1]), np.full((50, 1), np.nan), 20) is None
