"""Whether rows of a kind are answered worse than the rest: one test for each slice, and none but by its row losses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.evaluation.partitions import Partition
from tasks.evaluation.weighted_metrics import Floats

_ROUNDING = 1e-12
"""Losses that differ by less, as a share of the largest, are the same: what differs is the last digits of a sum."""


@dataclass(frozen=True, kw_only=True)
class _SideSums:
    """Over the units on one side of each slice [S], rows or groups: of 1, their weights w, their losses times these v,
    and the products of these."""

    num: Floats
    w: Floats
    v: Floats
    ww: Floats
    wv: Floats
    vv: Floats

    @property
    def mean(self) -> Floats:
        return self.v / self.w

    @property
    def residual(self) -> Floats:
        """The sum of squares of w times how far a unit's mean is off the mean of all."""
        return np.maximum(self.vv - 2 * self.mean * self.wv + self.mean**2 * self.ww, 0)

    @property
    def num_effective(self) -> Floats:
        """So many units of equal weight tell as much (Kish, Survey Sampling, 1965)."""
        return self.w**2 / self.ww


def worse_p_values(
    partitions: Sequence[Partition], losses: Floats, weights: Floats, groups: NDArray[np.int64] | None = None
) -> Floats:
    """How likely a slice has a mean loss that much above the rest's if the two were alike, one-sided, [S] in order.

    The larger p-value of Welch's t-test (Biometrika 34, 1947) and Student's. Welch's alone is too sure where few rows
    stand beside a slice and all of them happen to be right: their variance is then taken to be none. Weights [N], all
    above 0, count as in a weighted mean. With `groups` [N], numbers from 0 on, the values are the means of groups, each
    of the weight of its rows: rows of one patient or day are no evidence of their own. NaN where a side has one unit.
    """
    if not partitions:
        return np.empty(0)
    units = np.arange(len(losses)) if groups is None else groups
    sides = [_sums(partition, _centered(losses, weights), weights, units) for partition in partitions]
    inside, rest = (
        _SideSums(**{name: np.concatenate([getattr(pair[side], name) for pair in sides]) for name in _SUMS})
        for side in (0, 1)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        p: Floats = np.maximum(_welch(inside, rest), _student(inside, rest))
    return np.where((inside.num >= 2) & (rest.num >= 2), p, np.nan)


_SUMS = ("num", "w", "v", "ww", "wv", "vv")


def _centered(losses: Floats, weights: Floats) -> Floats:
    """Off their mean, so that squares of them keep their digits."""
    off = losses - float((weights * losses).sum() / weights.sum())
    return np.where(np.abs(off) <= _ROUNDING * np.abs(losses).max(), 0.0, off)


def _sums(
    partition: Partition, losses: Floats, weights: Floats, units: NDArray[np.int64]
) -> tuple[_SideSums, _SideSums]:
    """Of each slice and of the rest, in one pass: what a slice has of a unit, the rest has not."""
    num_units, within = int(units.max()) + 1, partition.codes >= 0
    of_rows = (np.ones(len(units)), weights, weights * losses)
    num_of, w_of, v_of = (_totals(units, values, num_units) for values in of_rows)
    keys, entries = np.unique(partition.codes[within] * num_units + units[within], return_inverse=True)
    places, unit = keys // num_units, keys % num_units
    num, w, v = (_totals(entries, values[within], len(keys)) for values in of_rows)

    def total(values: Floats) -> Floats:
        return _totals(places, values, len(partition.names))

    def beside(first: Floats, second: Floats, first_of: Floats, second_of: Floats) -> Floats:
        whole = float((first_of * second_of).sum())
        return whole + total(first * second - first * second_of[unit] - second * first_of[unit])

    whole_units = (num == num_of[unit]).astype(np.float64)
    inside = _SideSums(
        num=total(np.ones(len(keys))), w=total(w), v=total(v), ww=total(w * w), wv=total(w * v), vv=total(v * v)
    )
    rest = _SideSums(
        num=num_units - total(whole_units),
        w=w_of.sum() - inside.w,
        v=v_of.sum() - inside.v,
        ww=beside(w, w, w_of, w_of),
        wv=beside(w, v, w_of, v_of),
        vv=beside(v, v, v_of, v_of),
    )
    return inside, rest


def _totals(places: NDArray[np.int64], values: Floats, num_places: int) -> Floats:
    return np.bincount(places, values, num_places).astype(np.float64)


def _welch(inside: _SideSums, rest: _SideSums) -> Floats:
    first, second = (side.residual / side.w**2 * side.num / (side.num - 1) for side in (inside, rest))
    degrees = (first + second) ** 2 / (first**2 / (inside.num_effective - 1) + second**2 / (rest.num_effective - 1))
    return _p_value(inside, rest, first + second, degrees)


def _student(inside: _SideSums, rest: _SideSums) -> Floats:
    num = inside.num + rest.num
    pooled = (inside.residual + rest.residual) / (inside.ww + rest.ww) * num / (num - 2)
    num_effective = (inside.num_effective, rest.num_effective)
    variance = pooled * (1 / num_effective[0] + 1 / num_effective[1])
    return _p_value(inside, rest, variance, num_effective[0] + num_effective[1] - 2)


def _p_value(inside: _SideSums, rest: _SideSums, variance: Floats, degrees: Floats) -> Floats:
    from scipy.stats import t

    difference = inside.mean - rest.mean
    p = t.sf(difference / np.sqrt(variance), degrees)
    # Rows that are all alike on either side differ for sure, or not at all.
    return np.asarray(np.where(variance > 0, p, np.where(difference > 0, 0.0, 1.0)))
