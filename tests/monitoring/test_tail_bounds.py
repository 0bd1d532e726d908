"""The bounds hold at every level, by the exact distribution of all draws, and are not far from it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import hypergeom

from tasks.monitoring.tail_bounds import log_tail, log_tail_of_share

SLACK = 1e-9
"""Of rounding."""


SAMPLES = [(20, 50, 6), (200, 4_000, 10), (50, 50, 40), (300, 100, 7), (200, 4_000, 2_000)]


@pytest.mark.parametrize(("num_window", "num_reference", "num_marked"), SAMPLES)
def test_of_a_share_no_draw_is_called_less_probable_than_it_is(
    num_window: int, num_reference: int, num_marked: int
) -> None:
    in_window = np.arange(max(0, num_marked - num_reference), min(num_window, num_marked) + 1).astype(np.float64)
    ends = [np.full((len(in_window), 1), float(number)) for number in (num_window, num_reference)]
    up, down = log_tail_of_share(in_window[:, None], (num_marked - in_window)[:, None], *ends)
    exact = hypergeom(num_window + num_reference, num_marked, num_window)
    assert (up >= exact.logsf(in_window - 1) - SLACK).all()
    assert (down >= exact.logcdf(in_window) - SLACK).all()
    # The same rows as scores of 0 and 1.
    window = np.stack([num_window - in_window, in_window], axis=-1)[:, None, :]
    in_reference = num_marked - in_window
    reference = np.stack([num_reference - in_reference, in_reference], axis=-1)[:, None, :]
    both = log_tail(np.broadcast_to([0.0, 1.0], window.shape), window, reference)
    is_up = in_window > num_window * num_marked / (num_window + num_reference)
    assert (both >= np.where(is_up, exact.logsf(in_window - 1), exact.logcdf(in_window)) - SLACK).all()


def test_of_two_strata_no_draw_is_called_less_probable_than_it_is() -> None:
    numbers = np.array([[12.0, 30.0], [8.0, 25.0]])
    marked = [9, 7]
    exact = [hypergeom(sum(numbers[stratum]), marked[stratum], numbers[stratum, 0]) for stratum in (0, 1)]
    pairs = np.array([[first, second] for first in range(10) for second in range(8)], dtype=np.float64)
    probabilities = exact[0].pmf(pairs[:, 0]) * exact[1].pmf(pairs[:, 1])
    means = [marked[stratum] * numbers[stratum, 0] / numbers[stratum].sum() for stratum in (0, 1)]
    deviations = pairs.sum(axis=1) - sum(means)
    up, down = log_tail_of_share(pairs, marked - pairs, numbers[:, 0], numbers[:, 1])
    for place, deviation in enumerate(deviations):
        assert up[place] >= math.log(probabilities[deviations >= deviation - SLACK].sum()) - SLACK
        assert down[place] >= math.log(probabilities[deviations <= deviation + SLACK].sum()) - SLACK


def test_of_ranks_no_permutation_is_called_less_probable_than_it_is() -> None:
    """All 8,008 ways to draw 6 of 16 rows with ties, so that each sum's probability is known."""
    from itertools import combinations

    cells = np.array([0] * 7 + [1] * 3 + [2, 3, 4, 5, 6, 7])
    counts = np.bincount(cells).astype(np.float64)
    scores = np.cumsum(counts) - counts / 2
    windows = np.array([np.bincount(cells[list(rows)], minlength=8) for rows in combinations(range(16), 6)])
    deviations = windows @ scores - 6 * (counts * scores).sum() / 16
    logs = log_tail(scores, windows[:, None, :].astype(np.float64), (counts - windows)[:, None, :])
    order = np.argsort(deviations)
    ranked = deviations[order]
    below = np.searchsorted(ranked, deviations + SLACK, side="right") / len(ranked)
    above = 1 - np.searchsorted(ranked, deviations - SLACK, side="left") / len(ranked)
    assert (np.exp(logs) >= np.where(deviations > 0, above, below) - SLACK).all()


def test_the_bound_of_a_large_sample_is_near_the_normal_tail() -> None:
    """200 ranks beside 100,000: their sum is normal, and Chernoff's bound of a normal tail is e^(-z²/2)."""
    reference = np.full((1, 100), 1_000.0)
    window = np.full((1, 100), 2.0)
    for moved in (30.0, 45.0, 60.0):
        changed = window.copy()
        changed[0, :50] -= moved / 50
        changed[0, 50:] += moved / 50
        ranks = (np.cumsum(changed + reference) - (changed + reference)[0] / 2) / (changed + reference).sum()
        z = (changed[0] * (ranks - 0.5)).sum() / math.sqrt(200 / 12)
        [log] = log_tail(ranks[None, None, :], changed[None], reference[None])
        assert log == pytest.approx(-(z**2) / 2, rel=0.05)
