"""Which fold each row is held out with: rows that belong together are in one, and each has its share of all targets."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.errors import UserError
from tasks.model_input.inputs import Examples, Spec

NEVER = -1
"""In place of a fold: of a row whose class could not be learnt without it, which all models learn from."""

Folds = NDArray[np.int64]


def fold_numbers(spec: Spec, rows: Examples, num_folds: int, seed: int) -> Folds:
    """The fold of each row, [N] in [0, num_folds) or NEVER.

    Rows bring a time where the split goes by it: then folds are stretches of it, as neighbours in time tell of each
    other. Else rows of one group are in one fold; all others are dealt by their targets. Equal rows that clean has left
    are events of their own. Raises UserError where there are fewer rows, groups or times than folds.
    """
    if rows.time is not None:
        folds, num_units = _stretches(rows.time, num_folds), len(np.unique(rows.time))
    else:
        units = np.arange(rows.num_rows) if rows.group is None else _numbered(rows.group)
        folds, num_units = _dealt(units, rows.target, num_folds, seed), int(units.max(initial=-1)) + 1
    if num_units < num_folds or len(np.unique(folds)) < 2:
        of_what = "times" if rows.time is not None else "rows" if rows.group is None else "groups"
        raise UserError(
            f"train.folds: {num_units:,} {of_what} cannot be divided into {num_folds} folds; make train.folds smaller, "
            "bring more, or use one of the members alone"
        )
    return _without_lost_classes(spec, rows, folds)


def _stretches(time: NDArray[np.generic], num_folds: int) -> Folds:
    """As many rows in each as there are, from the earliest on; rows of one instant are together."""
    # NumPy puts what is not known last, which is a stretch as any other.
    before = np.searchsorted(np.sort(time), time, side="left")
    return np.asarray(before * num_folds // len(time), dtype=np.int64)


def _dealt(units: Folds, target: NDArray[np.generic], num_folds: int, seed: int) -> Folds:
    """Units in the order of their targets, a round of all folds at a time: each fold gets as many of each class, and
    large ones as well as small ones of numbers."""
    random = np.random.default_rng(seed)
    _, first, sizes = np.unique(units, return_index=True, return_counts=True)
    order = np.lexsort((random.random(len(first)), -sizes, target[first]))
    rounds = np.tile(np.arange(num_folds), (-(-len(first) // num_folds), 1))
    of_units = np.empty(len(first), dtype=np.int64)
    of_units[order] = random.permuted(rounds, axis=1).ravel()[: len(first)]
    return of_units[units]


def _without_lost_classes(spec: Spec, rows: Examples, folds: Folds) -> Folds:
    """A class that stands in one fold alone is in no training that holds this fold out: so its rows never are."""
    if not spec.classes:
        return folds
    counts = np.zeros((len(spec.classes), int(folds.max()) + 1))
    # A row without weight teaches nothing.
    np.add.at(counts, (rows.target, folds), 1.0 if rows.weight is None else rows.weight)
    return np.where(np.count_nonzero(counts, axis=1)[rows.target] == 1, NEVER, folds)


def _numbered(values: NDArray[np.generic]) -> Folds:
    """Equal values by one number, from 0; each missing value has a number of its own."""
    series = pl.Series(values, strict=False)
    if series.dtype.is_float():
        series = series.fill_nan(None)
    ranks = series.rank("dense").cast(pl.Int64)
    own = pl.Series(np.arange(len(values))) + len(values) + 1
    return np.asarray(np.unique(ranks.fill_null(own).to_numpy(), return_inverse=True)[1])
