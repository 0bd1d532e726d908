"""Whether one model is better than another: as known programs have it, and wrong no more often than is said."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import binomtest, t

from tasks.evaluation.delong import area_difference
from tasks.evaluation.paired_proportions import Discordant, interval, p_value, score
from tasks.evaluation.paired_tests import (
    BOOTSTRAP,
    DELONG,
    MCNEMAR,
    TANGO,
    paired_test,
)
from tasks.evaluation.weighted_metrics import Answers
from tasks.promotion.power import power_for, visible_gain

few = st.integers(0, 30)


def answering(y_true: np.ndarray, probability: np.ndarray) -> Answers:
    return Answers(y_true=y_true, y_score=np.column_stack([1 - probability, probability]), positive=1)


def right_on(is_right: np.ndarray) -> Answers:
    """A model of two classes whose answers to rows of the second one are right or wrong as told."""
    return answering(np.ones(len(is_right), dtype=np.int64), is_right.astype(np.float64))


def two_models(random: np.random.Generator, num_rows: int, share: float, skill: tuple[float, float]):
    """Two models that see the same thing and something of their own."""
    y_true = (random.random(num_rows) < share).astype(np.int64)
    common = random.normal(size=num_rows)
    for own in skill:
        seen = common + 0.7 * random.normal(size=num_rows) + own * y_true
        yield answering(y_true, 1 / (1 + np.exp(2.5 - 1.2 * seen)))


# McNemar and Tango.


@given(first=few, second=few, alike=few)
def test_mcnemar_is_the_binomial_test_of_the_rows_that_tell_them_apart(first, second, alike):
    counts = Discordant(first=first, second=second, num_rows=first + second + alike + 1)
    expected = binomtest(first, first + second, alternative="greater").pvalue if first + second else 1.0
    assert p_value(counts, 0.0) == pytest.approx(expected, rel=1e-12)


@given(first=few, second=few, alike=st.integers(1, 30), gain=st.floats(-0.9, 0.9))
def test_tangos_score_has_the_likeliest_share_in_its_variance(first, second, alike, gain):
    """Found here by looking for the largest likelihood, and there by an equation."""
    num_rows = first + second + alike

    def minus_log_likelihood(share):
        chances = (share + gain, share, 1 - 2 * share - gain)
        counts = (first, second, alike)
        return -sum(n * np.log(max(p, 1e-300)) for n, p in zip(counts, chances, strict=True) if n)

    ends = max(0.0, -gain), (1 - gain) / 2
    share = minimize_scalar(minus_log_likelihood, bounds=ends, method="bounded", options={"xatol": 1e-12}).x
    expected = (first - second - num_rows * gain) / np.sqrt(num_rows * (2 * share + gain - gain**2))
    found = score(Discordant(first=first, second=second, num_rows=num_rows), gain)
    assert found == pytest.approx(expected, rel=1e-3, abs=1e-3)


def test_tango_at_no_margin_is_mcnemars_approximation():
    assert score(Discordant(first=25, second=9, num_rows=200), 0.0) == pytest.approx(16 / np.sqrt(34), rel=1e-12)


@given(first=few, second=few, alike=few)
def test_the_interval_is_what_tangos_test_does_not_refuse_and_is_mirrored_from_the_other_side(first, second, alike):
    if not (num_rows := first + second + alike):
        return
    low, high = interval(Discordant(first=first, second=second, num_rows=num_rows), 0.95)
    mirrored = interval(Discordant(first=second, second=first, num_rows=num_rows), 0.95)
    assert -1 <= low <= (first - second) / num_rows <= high <= 1
    assert mirrored == pytest.approx((-high, -low), abs=1e-6)
    if low > -1:
        assert score(Discordant(first=first, second=second, num_rows=num_rows), low) == pytest.approx(1.95996, abs=1e-3)


@pytest.mark.parametrize(("chances", "num_rows"), [((0.05, 0.05), 60), ((0.12, 0.04), 60), ((0.2, 0.1), 300)])
def test_the_interval_holds_the_true_gain_as_often_as_it_says(chances, num_rows):
    random, true, holds = np.random.default_rng(1), chances[0] - chances[1], []
    for first, second, _ in random.multinomial(num_rows, [*chances, 1 - sum(chances)], size=1500):
        low, high = interval(Discordant(first=int(first), second=int(second), num_rows=num_rows), 0.95)
        holds.append(low <= true <= high)
    assert np.mean(holds) == pytest.approx(0.95, abs=0.02)


# DeLong.

EACH = np.arange(60)
BALANCED = (EACH * 7) % 10 < 4
FEW = (EACH * 7) % 60 < 5
FIRST = (EACH * 37 % 23) / 23 + 0.35 * BALANCED
SECOND = (EACH * 41 % 19) / 19 + 0.15 * BALANCED
OF_FEW = (EACH * 29 % 31) / 31 + 0.4 * FEW


@pytest.mark.parametrize(
    ("is_positive", "first", "areas", "z"),
    [
        (BALANCED, FIRST, (0.771990740740741, 0.611111111111111), 1.71706709502344),
        (FEW, OF_FEW, (0.705454545454545, 0.392727272727273), 1.64961080461838),
    ],
)
def test_delong_is_that_of_proc(is_positive, first, areas, z):
    """pROC 1.18.0 in R 4.2.2, `roc.test(method = "delong", paired = TRUE)`: tests/evaluation/delong_by_proc.R."""
    difference = area_difference(is_positive, first, SECOND)
    assert difference.gain == pytest.approx(areas[0] - areas[1], abs=1e-10)
    assert difference.gain / difference.standard_error == pytest.approx(z, abs=1e-10)


# What they are together.


@pytest.mark.parametrize(
    ("metric", "num_rows", "share", "num_draws"),
    [
        ("accuracy", 100, 0.3, 4000),
        ("roc_auc", 100, 0.1, 2000),
        ("roc_auc", 60, 0.4, 2000),
        ("f1", 150, 0.3, 200),
        ("log_loss", 100, 0.2, 200),
    ],
)
def test_of_two_equal_models_neither_is_found_better_more_often_than_is_said(metric, num_rows, share, num_draws):
    """A share of 2.5 % and 5 %, give or take three standard errors; less is McNemar's, which counts whole rows."""
    random, found = np.random.default_rng(2), []
    for _ in range(num_draws):
        test = paired_test(metric, *two_models(random, num_rows, share, (1.5, 1.5)), np.ones(num_rows))
        if test is not None:
            found.append(test.p_value)
    assert len(found) > 0.99 * num_draws
    for alpha in (0.025, 0.05):
        assert np.mean(np.array(found) <= alpha) < alpha + 3 * np.sqrt(alpha * (1 - alpha) / num_draws)


def test_a_better_model_is_found_as_often_as_the_power_says():
    """Its true gain is measured on a million rows, and the power is told by samples of 400."""
    random = np.random.default_rng(3)
    skill = (2.2, 1.5)
    true = paired_test("roc_auc", *two_models(random, 1_000_000, 0.3, skill), np.ones(1_000_000)).gain
    tests = [paired_test("roc_auc", *two_models(random, 400, 0.3, skill), np.ones(400)) for _ in range(1500)]
    found = np.mean([test.p_value <= 0.025 for test in tests])
    assert np.mean([power_for(true, test.standard_error, 0.025) for test in tests]) == pytest.approx(found, abs=0.04)
    # Of a gain that is just visible the power is what was asked for.
    assert power_for(visible_gain(0.02, 0.01), 0.02, 0.01) == pytest.approx(0.8)


@pytest.mark.parametrize("metric", ["accuracy", "roc_auc", "f1", "log_loss"])
def test_seen_from_the_other_side_all_is_mirrored(metric):
    one, other = two_models(np.random.default_rng(4), 300, 0.3, (1.9, 1.5))
    there, back = (paired_test(metric, *both, np.ones(300)) for both in ((one, other), (other, one)))
    assert (there.gain, there.low, there.high) == pytest.approx((-back.gain, -back.high, -back.low), abs=1e-6)
    assert there.low < there.gain < there.high
    assert there.p_value + back.p_value >= 1 - 1e-9


def test_each_metric_has_its_test():
    one, other = two_models(np.random.default_rng(5), 200, 0.3, (1.9, 1.5))
    rows = np.ones(200)
    assert paired_test("accuracy", one, other, rows).name == MCNEMAR
    assert paired_test("accuracy", one, other, rows, margin=-0.02).name == TANGO
    assert paired_test("roc_auc", one, other, rows).name == DELONG
    # Rows of a group, or that weigh differently, are not each on their own.
    for more in ({"groups": np.arange(200) // 4}, {"weights": 1.0 + np.arange(200)}):
        assert paired_test("roc_auc", one, other, **{"weights": rows, **more}).name == BOOTSTRAP
        assert paired_test("accuracy", one, other, **{"weights": rows, **more}).name == BOOTSTRAP
    assert paired_test("f1", one, other, rows).name == BOOTSTRAP


@pytest.mark.parametrize("metric", ["accuracy", "roc_auc", "f1"])
def test_models_that_answer_alike_are_not_better_and_are_not_worse_by_a_margin(metric):
    one, _ = two_models(np.random.default_rng(6), 400, 0.3, (1.5, 1.5))
    assert paired_test(metric, one, one, np.ones(400)).p_value == 1.0
    assert paired_test(metric, one, one, np.ones(400), margin=-0.03).p_value < 0.001


def test_two_models_that_are_never_apart_may_still_differ_on_other_rows():
    """Of 20 rows nothing is known of what happens once in 40."""
    is_right = np.arange(20) > 3
    test = paired_test("accuracy", right_on(is_right), right_on(is_right), np.ones(20), margin=-0.05)
    assert test.p_value > 0.1
    assert test.low < -0.05


def test_of_an_error_less_is_better_and_its_p_value_is_students():
    random = np.random.default_rng(7)
    y_true = random.normal(size=200)
    errors = random.normal(size=(2, 200)) * np.array([[1.0], [1.2]])
    ours, theirs = (Answers(y_true=y_true, y_score=y_true + error) for error in errors)
    test = paired_test("mae", ours, theirs, np.ones(200))
    gains = np.abs(errors[1]) - np.abs(errors[0])
    assert test.gain == pytest.approx(gains.mean())
    # Of a mean, drawing anew gives what the formula gives.
    assert test.standard_error == pytest.approx(gains.std(ddof=1) / np.sqrt(200), rel=0.08)
    assert test.p_value == pytest.approx(t(199).sf(test.gain / test.standard_error))


def test_one_row_or_a_class_without_rows_tells_nothing():
    one, other = two_models(np.random.default_rng(8), 30, 0.3, (1.9, 1.5))
    assert paired_test("f1", one, other, np.ones(30), groups=np.zeros(30, dtype=np.int64)) is None
    alone = (answering(np.array([1] + [0] * 29), np.linspace(0, 1, 30) ** n) for n in (1, 2))
    assert paired_test("roc_auc", *alone, np.ones(30)) is None


def test_an_area_of_weighted_rows_with_one_of_a_class_tells_nothing():
    """As DeLong's does not: 5 % of two equal models with one positive row of 31 had p < 0.001."""
    random = np.random.default_rng(0)
    for num_positive in (1, 2):
        y_true = (np.arange(31) < num_positive).astype(np.int64)
        first, second = (answering(y_true, random.uniform(size=31)) for _ in range(2))
        for metric in ("roc_auc", "pr_auc"):
            test = paired_test(metric, first, second, np.linspace(1, 2, 31))
            assert (test is None) == (num_positive == 1)
        assert paired_test("f1", first, second, np.linspace(1, 2, 31)) is not None
