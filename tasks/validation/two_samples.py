"""Whether two samples may be of one population: exact or asymptotic p-values, and how far apart the samples are.

A p-value is the probability of so great a difference, or a greater one, where there is none. All of them take the rows
as drawn independently: where the new rows contain the old ones, differences are smaller than that, and fewer are told.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
"""[2, K]: rows of each sample in each of K cells."""

_LEAST_EXPECTED = 5.0
"""Rows that a cell must have in expectation for the chi-square distribution to hold (W. G. Cochran, Some Methods for
Strengthening the Common χ² Tests, Biometrics 10, 1954)."""

_MOST_TILT = 150.0
"""e^150 times as probable: no chance is left that a value is by chance where it is."""


def pooled(counts: Counts) -> Counts:
    """Neighbouring cells put together until each has rows enough for `homogeneity`: [2, fewer]."""
    # Such as the known categories of a column that had no value at all.
    if not counts.size:
        return counts
    total = counts.sum(axis=0)
    num_smaller, num_rows = counts.sum(axis=1).min(), max(int(total.sum()), 1)
    starts, expected = [0], 0.0
    for cell, num_pooled in enumerate(total.tolist()):
        if expected >= _LEAST_EXPECTED:
            starts, expected = [*starts, cell], 0.0
        expected += num_pooled * num_smaller / num_rows
    # What is left at the end may be too little for a cell of its own.
    if expected < _LEAST_EXPECTED and len(starts) > 1:
        starts.pop()
    return np.add.reduceat(counts, starts, axis=1)


def homogeneity(counts: Counts) -> float:
    """Pearson's chi-square test that both samples [2, K] fall into the cells by the same probabilities."""
    from scipy.special import chdtrc

    expected = counts.sum(axis=0) * counts.sum(axis=1, keepdims=True) / max(int(counts.sum()), 1)
    if counts.shape[1] < 2 or not expected.all():
        return 1.0
    return float(chdtrc(counts.shape[1] - 1, ((counts - expected) ** 2 / expected).sum()))


def distance(counts: Counts) -> float:
    """Total variation: the share of rows that would have to be in other cells for both samples to be alike."""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return float(np.abs(shares[0] - shares[1]).sum() / 2)


def equal_shares(old: tuple[int, int], new: tuple[int, int]) -> float:
    """Fisher's exact test, two-sided by doubling, that rows of a kind have the same share: (of that kind, all) each."""
    from scipy.stats import hypergeom

    of_chance = hypergeom(old[1] + new[1], old[0] + new[0], new[1])
    return min(1.0, 2 * float(min(of_chance.cdf(new[0]), of_chance.sf(new[0] - 1))))


def beyond_all(num_beyond: int, num_old: int, num_new: int) -> float:
    """That so many new rows, or more, lie beyond every old one: all of the most extreme rows are new ones."""
    return float(_only_in_new(np.array([num_beyond]), num_old, num_new)[0])


def unknown_values(counts: Counts) -> float:
    """That new rows have so often values [K] that no old row has: a bound, from which values both samples have.

    Given how often a value stands in both, it is by chance in the new rows alone with a known probability. What all
    such values add up to is bounded as by H. Chernoff (Annals of Mathematical Statistics 23, 1952); that one value is
    so makes it less probable of the others, which keeps the bound (K. Joag-Dev and F. Proschan, Negative Association of
    Random Variables, Annals of Statistics 11, 1983).
    """
    num_old, num_new = (int(number) for number in counts.sum(axis=1))
    # Values that stand equally often are worked on as one: there are few such numbers.
    sizes, repeats = np.unique(counts.sum(axis=0), return_counts=True)
    chance = _only_in_new(sizes, num_old, num_new)
    unknown = counts[1, counts[0] == 0]
    # By their rows one frequent value is seen, by their number many rare ones; twice the lesser, as there are two.
    by_rows = _bound(int(unknown.sum()), sizes, chance, repeats)
    by_number = _bound(int(np.count_nonzero(unknown)), np.minimum(sizes, 1), chance, repeats)
    return min(1.0, 2 * by_rows, 2 * by_number)


def _bound(least: int, weights: Counts, chance: NDArray[np.float64], repeats: Counts) -> float:
    """That the weights of events [K], each with its chance and so often repeated, add up to that number or more."""
    if not least:
        return 1.0
    # Each gives a bound, of which the least counts.
    tilts = np.geomspace(0.01 / least, _MOST_TILT, 400)
    # A chance of 0 or 1 has no logarithm, and none is needed: its term is nothing.
    with np.errstate(divide="ignore"):
        each = np.logaddexp(np.log1p(-chance), np.log(chance) + np.outer(tilts, weights))
    return float(np.exp(min(0.0, ((each * repeats).sum(axis=1) - tilts * least).min())))


def _only_in_new(sizes: NDArray[np.int64], num_old: int, num_new: int) -> NDArray[np.float64]:
    """That all of so many rows, drawn from both samples, are new ones: [K]."""
    from scipy.special import gammaln

    num_rows = num_old + num_new
    fits = sizes <= num_new
    own = np.where(fits, sizes, 0)
    logs = gammaln(num_new + 1) - gammaln(num_new - own + 1) - gammaln(num_rows + 1) + gammaln(num_rows - own + 1)
    return np.where(fits, np.exp(np.minimum(logs, 0)), 0.0)
