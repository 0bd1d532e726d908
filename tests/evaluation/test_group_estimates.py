"""The interval of a largest difference holds the truth as often as it says: simulated groups of which that is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import hypergeom, studentized_range, t

from tasks.evaluation.group_estimates import (
    GroupEstimates,
    drawn_estimates,
    drawn_values,
    largest_difference,
    rate_estimates,
    smallest_ratio,
)
from tasks.evaluation.group_tests import p_of_answers, p_of_any, p_of_means
from tasks.evaluation.paired_bootstrap import resamples

NUM_SIMULATIONS = 300
LEAST = 0.95 - 3 * np.sqrt(0.95 * 0.05 / NUM_SIMULATIONS)
"""What 95 % may look like in so many simulations, three standard errors below."""


def rates(hits: np.ndarray, codes: np.ndarray, weights: np.ndarray, units: np.ndarray | None = None) -> GroupEstimates:
    values = np.bincount(codes, weights * hits) / np.bincount(codes, weights)
    return rate_estimates(np.arange(len(values)), values, hits, codes, weights, units)


def share_held(
    truth: float, estimates: Callable[[np.random.Generator], GroupEstimates], *, ratio: bool = False
) -> float:
    num_held = 0
    for seed in range(NUM_SIMULATIONS):
        one = estimates(np.random.default_rng(seed))
        held = smallest_ratio(one) if ratio else largest_difference([one])
        assert held is not None
        num_held += held.low <= truth + 1e-12 and truth - 1e-12 <= held.high
    return num_held / NUM_SIMULATIONS


@pytest.mark.parametrize(
    ("chances", "num_rows"),
    [
        ((0.3, 0.3), (100, 100)),
        ((0.3, 0.5), (60, 200)),
        ((0.05, 0.1), (40, 300)),
        ((0.3, 0.3, 0.3, 0.3, 0.3), (50, 50, 50, 50, 50)),
        ((0.1, 0.2, 0.3, 0.3), (30, 60, 200, 20)),
    ],
)
def test_of_rates(chances: tuple[float, ...], num_rows: tuple[int, ...]) -> None:
    chance, codes = np.array(chances), np.repeat(np.arange(len(chances)), num_rows)

    def drawn(random: np.random.Generator) -> GroupEstimates:
        return rates(random.uniform(size=len(codes)) < chance[codes], codes, np.ones(len(codes)))

    assert share_held(float(np.ptp(chance)), drawn) >= LEAST
    assert share_held(min(chances) / max(chances), drawn, ratio=True) >= LEAST


def test_percentiles_of_a_largest_difference_would_never_hold_that_there_is_none() -> None:
    """Why it is not what is drawn anew that is taken: of five groups that are alike two always look apart."""
    codes = np.repeat(np.arange(5), 50)
    hits = np.random.default_rng(0).uniform(size=250) < 0.3
    weights = np.ones(250)
    shares = [np.bincount(codes, drawn * hits) / np.bincount(codes, drawn) for drawn in resamples(weights, None, 200)]
    assert np.quantile([np.ptp(share) for share in shares], 0.025) > 0.05
    assert largest_difference([rates(hits, codes, weights)]).low == 0


def test_of_weighted_rows() -> None:
    """Rows of one group weigh from 0.1 to 3: they tell as much as fewer would."""
    codes = np.repeat([0, 1], [120, 80])

    def drawn(random: np.random.Generator) -> GroupEstimates:
        weights = np.where(codes == 0, random.uniform(0.1, 3, 200), 1.0)
        return rates(random.uniform(size=200) < 0.4, codes, weights)

    assert share_held(0.0, drawn) >= LEAST
    one = drawn(np.random.default_rng(0))
    assert 60 < one.num_effective[0] < 110


@pytest.mark.parametrize("across", [False, True])
def test_of_rows_that_come_in_groups(across: bool) -> None:
    """40 households of 10 rows, whose members are answered alike; of one kind each, or of both."""
    units = np.repeat(np.arange(40), 10)
    codes = np.tile([0, 1], 200) if across else units % 2

    def drawn(random: np.random.Generator, by_unit: bool = True) -> GroupEstimates:
        chance = random.beta(1, 1, 40)[units]
        return rates(random.uniform(size=400) < chance, codes, np.ones(400), units if by_unit else None)

    assert share_held(0.0, drawn) >= LEAST
    if not across:
        assert share_held(0.0, lambda random: drawn(random, by_unit=False)) < 0.85
    else:
        # What goes together in both is no difference between them.
        one = drawn(np.random.default_rng(0))
        assert one.correlation[0, 1] > 0.5


@pytest.mark.parametrize("true_errors", [(1.0, 1.0, 1.0), (1.0, 2.0, 1.5)])
def test_of_means_by_drawing(true_errors: tuple[float, ...]) -> None:
    codes = np.repeat(np.arange(3), [40, 60, 100])
    rows = [np.flatnonzero(codes == code) for code in range(3)]
    draws = list(resamples(np.ones(200), None, 100))

    def drawn(random: np.random.Generator) -> GroupEstimates:
        losses = random.exponential(np.array(true_errors)[codes])
        of = [lambda weights, own=own: float((weights * losses[own]).sum() / weights.sum()) for own in rows]
        values = np.array([losses[own].mean() for own in rows])
        many = drawn_values({"mae": of}, {"mae": rows}, draws)["mae"]
        return drawn_estimates(np.arange(3), values, many, rows, None)

    # Exponential losses are skewed, and of 40 rows a mean is not quite normal: two in a hundred less.
    assert share_held(float(np.ptp(true_errors)), drawn) >= LEAST - 0.02


def test_two_groups_have_newcombes_interval() -> None:
    """56 of 70 and 48 of 80: 0.0524 to 0.3339 (Newcombe, 1998, table II, method 10)."""
    codes = np.repeat([0, 1], [70, 80])
    hits = np.concatenate([np.arange(70) < 56, np.arange(80) < 48])
    difference = largest_difference([rates(hits, codes, np.ones(150))])
    assert (difference.value, difference.lowest, difference.highest) == (pytest.approx(0.2), 1, 0)
    assert (difference.low, difference.high) == (pytest.approx(0.0524, abs=5e-5), pytest.approx(0.3339, abs=5e-5))


def test_of_more_groups_the_reach_is_tukeys_and_of_few_units_students() -> None:
    def estimates(degrees: float, num_groups: int) -> GroupEstimates:
        return GroupEstimates(
            places=np.arange(num_groups),
            values=np.arange(num_groups) * 10.0,
            degrees=np.full(num_groups, degrees),
            correlation=np.eye(num_groups),
            errors=np.ones(num_groups),
        )

    four = largest_difference([estimates(np.inf, 4)])
    assert four.high - four.value == pytest.approx(studentized_range.ppf(0.95, 4, np.inf))
    two = largest_difference([estimates(9, 2)])
    assert two.high - two.value == pytest.approx(np.sqrt(2) * t.ppf(0.975, 9))
    # Of two answers that are to hold together each has half of what may be missed.
    both = largest_difference([estimates(9, 2)], num_families=2)
    assert both.high - both.value == pytest.approx(np.sqrt(2) * t.ppf(0.9875, 9))
    assert largest_difference([estimates(9, 1)]) is None


def test_rates_that_are_all_0_have_no_ratio() -> None:
    codes = np.repeat([0, 1], [30, 50])
    never, half = np.zeros(80, dtype=bool), (codes == 1) & (np.arange(80) % 2 == 0)
    assert smallest_ratio(rates(never, codes, np.ones(80))) is None
    ratio = smallest_ratio(rates(half, codes, np.ones(80)))
    assert (ratio.value, ratio.low) == (0, 0)
    assert 0 < ratio.high < 0.4


def test_p_values_of_few_rows_count_the_tables_that_are_as_far_apart() -> None:
    codes = np.repeat([0, 1], [9, 6])
    answers = np.array([1] * 7 + [0] * 2 + [1] + [0] * 5)
    expected = np.outer([9, 6], [7, 8]) / 15

    def chi_squared(num_hits: int) -> float:
        table = np.array([[9 - num_hits, num_hits], [6 - (8 - num_hits), 8 - num_hits]])
        return float((np.square(table - expected) / expected).sum())

    as_far = [num for num in range(2, 9) if chi_squared(num) >= chi_squared(7) - 1e-9]
    exact = hypergeom(15, 8, 9).pmf(as_far).sum()
    assert p_of_answers(codes, answers) == pytest.approx(exact, abs=0.006)
    assert p_of_answers(codes, np.ones(15, dtype=np.int64)) == 1
    assert p_of_answers(np.zeros(15, dtype=np.int64), answers) is None


def test_p_values_of_groups_that_are_alike_are_as_often_small_as_they_say() -> None:
    random = np.random.default_rng(0)
    codes = np.repeat(np.arange(3), [30, 60, 90])
    by_answers = [p_of_answers(codes, random.integers(0, 2, 180)) for _ in range(400)]
    by_means = [p_of_means(codes, random.normal(0, np.array([1, 2, 3])[codes])) for _ in range(400)]
    for p_values in (by_answers, by_means):
        assert np.mean(np.array(p_values) <= 0.05) == pytest.approx(0.05, abs=3 * np.sqrt(0.05 * 0.95 / 400))
    assert p_of_any([0.01, 0.2]) == 0.02
    assert p_of_any([0.01, None]) is None
    assert p_of_means(codes, np.where(codes == 0, 1.0, random.normal(size=180))) is None
