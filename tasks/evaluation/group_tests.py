"""How likely groups are that far apart where they are all alike: p-values of any difference at all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_SEED = 0
_FEWEST_EXPECTED = 5
"""Rows of a cell of the table, below which the chi-squared distribution is no good guide (Cochran, Biometrics 10,
1954)."""
_NUM_TABLES = 9_999
_MOST_CELLS = 1_000_000
"""Of the tables that are drawn at once."""


def p_of_answers(codes: NDArray[np.int64], answers: NDArray[np.int64]) -> float | None:
    """Pearson's chi-squared test of whether the answers [N] go by the groups [N]; None of one group.

    Where few rows are expected of a cell, by tables that are drawn with the same sums.
    """
    from scipy.stats import chi2_contingency

    if len(np.unique(codes)) < 2:
        return None
    table = np.zeros((int(codes.max()) + 1, int(answers.max()) + 1), dtype=np.int64)
    np.add.at(table, (codes, answers), 1)
    table = table[table.any(axis=1)][:, table.any(axis=0)]
    if table.shape[1] < 2:
        return 1.0
    if _expected(table).min() < _FEWEST_EXPECTED:
        return _by_drawing(table)
    return float(chi2_contingency(table, correction=False).pvalue)


def _expected(table: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray(np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum())


def _by_drawing(table: NDArray[np.int64]) -> float:
    """The share of tables whose chi-squared is as large, this one among them (Phipson and Smyth, 2010)."""
    from scipy.stats import random_table

    expected = _expected(table)
    drawn = random_table(table.sum(axis=1), table.sum(axis=0), seed=np.random.default_rng(_SEED))
    own = float((np.square(table - expected) / expected).sum())
    num_as_large, num_left = 0, _NUM_TABLES
    while num_left:
        num_tables = min(num_left, max(1, _MOST_CELLS // table.size))
        tables = drawn.rvs(size=num_tables)
        # As large to the last digits: sums of the same parts differ by the order of these.
        num_as_large += int(((np.square(tables - expected) / expected).sum(axis=(1, 2)) >= own * (1 - 1e-12)).sum())
        num_left -= num_tables
    return (num_as_large + 1) / (_NUM_TABLES + 1)


def p_of_means(codes: NDArray[np.int64], values: NDArray[np.float64]) -> float | None:
    """Welch's test of whether the means of the values [N] go by the groups [N] (Biometrika 38, 1951); None where some
    group's values are all the same, or there is one group."""
    from scipy.stats import f_oneway

    samples = [values[codes == code] for code in np.unique(codes)]
    if len(samples) < 2 or any(len(sample) < 2 or np.ptp(sample) == 0 for sample in samples):
        return None
    return float(f_oneway(*samples, equal_var=False).pvalue)


def p_of_any(p_values: Sequence[float | None]) -> float | None:
    """Of whether there is a difference in any of several figures (Bonferroni); None where one has no p-value."""
    known = [p for p in p_values if p is not None]
    return min(1.0, len(known) * min(known)) if known and len(known) == len(p_values) else None
