from __future__ import annotations

from math import comb

import numpy as np
import pytest
from scipy import stats

from tasks.validation.two_samples import (
    beyond_all,
    distance,
    equal_shares,
    homogeneity,
    pooled,
    unknown_values,
)


def test_homogeneity_is_that_of_scipy() -> None:
    counts = np.random.default_rng(0).integers(5, 50, (2, 8))
    assert homogeneity(counts) == pytest.approx(stats.chi2_contingency(counts, correction=False).pvalue, rel=1e-12)


def test_one_cell_or_an_empty_sample_says_nothing() -> None:
    assert homogeneity(np.array([[9], [5]])) == 1
    assert homogeneity(np.array([[9, 3], [0, 0]])) == 1
    assert homogeneity(np.zeros((2, 0), dtype=np.int64)) == 1
    assert distance(np.array([[9, 3], [0, 0]])) == 0.5


def test_neighbours_are_put_together_until_five_are_expected() -> None:
    old, new = [50, 1, 1, 1, 1, 46, 0, 1], [10, 1, 1, 1, 1, 5, 1, 0]
    cells = pooled(np.array([old, new]))
    assert cells.tolist() == [[50, 51], [10, 10]]
    expected = cells.sum(axis=0) * cells.sum(axis=1).min() / cells.sum()
    assert (expected >= 5).all()
    assert pooled(np.array([[2, 1], [1, 1]])).tolist() == [[3], [2]]
    assert pooled(np.array([[0], [0]])).tolist() == [[0], [0]]


def test_the_distance_is_the_share_that_lies_elsewhere() -> None:
    assert distance(np.array([[98, 2], [2, 98]])) == pytest.approx(0.96)
    assert distance(np.array([[50, 50], [5, 5]])) == 0
    # Published: between two normal distributions a shift d apart it is 2 * Phi(d / 2) - 1.
    dice, edges = np.random.default_rng(0), np.linspace(-5, 5, 201)
    counts = np.array([np.histogram(dice.normal(shift, size=10**6), edges)[0] for shift in (0, 0.25)])
    assert distance(counts) == pytest.approx(2 * stats.norm.cdf(0.125) - 1, abs=0.003)


def test_equal_shares_is_fishers_exact_test() -> None:
    one_sided = stats.fisher_exact([[9, 91], [30, 270]], alternative="greater").pvalue
    other_sided = stats.fisher_exact([[9, 91], [30, 270]], alternative="less").pvalue
    assert equal_shares((9, 100), (30, 300)) == pytest.approx(min(1, 2 * min(one_sided, other_sided)))
    assert equal_shares((2, 100), (60, 1000)) == equal_shares((60, 1000), (2, 100))
    assert equal_shares((0, 100), (0, 0)) == 1


def test_all_extremes_are_new_as_often_as_counting_says() -> None:
    assert beyond_all(0, 10, 5) == 1
    assert beyond_all(3, 10, 5) == pytest.approx(comb(5, 3) / comb(15, 3))
    assert beyond_all(6, 10, 5) == 0
    dice = np.random.default_rng(0)
    is_new = dice.permuted(np.repeat([[True] * 6 + [False] * 4], 100_000, axis=0), axis=1)
    assert beyond_all(3, 4, 6) == pytest.approx(is_new[:, :3].all(axis=1).mean(), abs=0.005)


def test_one_unknown_value_is_as_improbable_as_all_its_rows_being_new() -> None:
    counts = np.array([[60, 40, 0], [50, 37, 13]])
    exact = beyond_all(13, 100, 100)
    assert exact <= unknown_values(counts) <= 2.5 * exact
    assert unknown_values(np.array([[60, 40], [50, 50]])) == 1


@pytest.mark.parametrize("num_new", [30, 100, 1_000])
def test_unknown_values_are_no_oftener_than_their_bound_says(num_new: int) -> None:
    """By chance: values of many kinds, the same in both samples, of which the first shows only a part."""
    dice = np.random.default_rng(num_new)
    shares = 1 / np.arange(1, 501)
    old, new = (dice.multinomial(num, shares / shares.sum(), 2_000) for num in (100, num_new))
    p_values = np.array([unknown_values(np.stack(both)) for both in zip(old, new, strict=True)])
    for level in (0.3, 0.1, 0.02):
        assert (p_values <= level).mean() <= level


def test_more_unknown_values_than_chance_leaves_are_seen() -> None:
    known = np.array([[50, 20, 10, 5, 5, 1, 1, 1, 1, 1], [50, 20, 10, 5, 5, 0, 0, 0, 0, 0]])
    usual = np.array([[0] * 5, [1] * 5])
    assert unknown_values(np.hstack([known, usual])) > 0.3
    assert unknown_values(np.hstack([known, *[usual] * 10])) < 1e-5
