"""A champion that is challenged again and again: how often it falls by chance, and how soon a better one is found."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, norm

from tasks.evaluation.paired_proportions import Discordant, p_value
from tasks.promotion.looks import alpha_of

NUM_DRAWS = 10_000


@pytest.mark.parametrize("total", [0.05, 0.5])
def test_all_looks_together_spend_no_more_than_the_whole(total):
    spent = np.cumsum([alpha_of(look, total) for look in range(1, 10_001)])
    assert spent[0] == total / 2
    assert spent[-1] == pytest.approx(total * 10_000 / 10_001)


def challenged_nightly(num_looks: int, num_rows: int) -> np.ndarray:
    """The p-value of each look [draws, looks] at champions that no challenger is better than, on the same rows.

    A champion is right on four rows of five, as any challenger is, but on these rows it may be right more or less often
    by luck, which all its challengers meet.
    """
    random = np.random.default_rng(11)
    right = random.binomial(num_rows, 0.8, size=(NUM_DRAWS, 1))
    # Of its right rows a challenger loses a tenth, and of its wrong ones it wins as many, on average.
    second = random.binomial(right, 0.1, size=(NUM_DRAWS, num_looks))
    first = random.binomial(num_rows - right, 0.4, size=(NUM_DRAWS, num_looks))
    return binom.sf(first - 1, first + second, 0.5)


def test_the_simulation_asks_the_gates_own_test():
    assert binom.sf(24, 34, 0.5) == p_value(Discordant(first=25, second=9, num_rows=300), 0.0)


@pytest.mark.parametrize("num_looks", [1, 100, 200])
def test_equal_models_are_promoted_in_no_more_than_the_stated_share(num_looks):
    alphas = np.array([alpha_of(look, 0.05) for look in range(1, num_looks + 1)])
    fell = (challenged_nightly(num_looks, 300) <= alphas).any(axis=1).mean()
    assert fell <= 0.05
    if num_looks > 1:
        # What it is there for: each look by itself at the first one's level brings many of them down.
        assert (challenged_nightly(num_looks, 300) <= 0.05).any(axis=1).mean() > 0.7


@pytest.mark.parametrize("looks_in_plan", [5, 10, 20])
def test_a_better_one_is_found_no_later_than_with_a_fixed_number_of_rows(looks_in_plan):
    """1.5 times the least difference asked for, looked at as rows come, several times before the planned number."""
    random, least, error_of_row = np.random.default_rng(12), 0.02, 0.3
    # One-sided at 5 %, found four times in five: planned by the least difference.
    planned = ((norm.isf(0.05) + norm.isf(0.2)) * error_of_row / least) ** 2
    rows = planned * np.arange(1, 6 * looks_in_plan + 1) / looks_in_plan
    steps = random.normal(size=(NUM_DRAWS, len(rows))) * error_of_row * np.sqrt(np.diff(rows, prepend=0.0))
    sums = np.cumsum(steps + 1.5 * least * np.diff(rows, prepend=0.0), axis=1)
    p_values = norm.sf(sums / (error_of_row * np.sqrt(rows)))
    found = p_values <= [alpha_of(look, 0.05) for look in range(1, len(rows) + 1)]
    assert found.any(axis=1).mean() > 0.999
    assert rows[found.argmax(axis=1)].mean() < planned
