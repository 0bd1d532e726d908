"""Folds of the training rows, so that an encoding which looks at the target encodes no row by its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.tables.row_hashes import row_hashes, unit_interval

_SALT = "out of fold"
"""So that these folds have nothing to do with the split, or with the folds of a cross validation."""


def row_folds(
    parts: Iterable[pl.DataFrame], columns: Sequence[str], num_folds: int, group: str | None = None
) -> list[NDArray[np.uint8]]:
    """Each row's fold, 0 to `num_folds` - 1, an array [N] for each part; the same however the rows are cut.

    By a stable hash of the row's values in `columns`. Equal rows go to one fold after the other: where few different
    rows make up the data, a fold would otherwise hold all rows of a category and class, and the other folds would tell
    the class by what they lack. Rows of one `group`, a column's name, go to one fold together: what their group's other
    rows say of them, no new group's would. Holds 24 bytes a row while it works, 48 with groups, and returns one.
    """
    hashes, groups = [], []
    for rows in parts:
        hashes.append(row_hashes(rows, columns, _SALT).to_numpy())
        if group is not None:
            # A row without a group is one of its own.
            groups.append((row_hashes(rows, [group], _SALT).to_numpy(), rows[group].is_not_null().to_numpy()))
    every = np.concatenate(hashes) if hashes else np.zeros(0, dtype=np.uint64)
    first = (unit_interval(pl.Series(every)).to_numpy() * num_folds).astype(np.int64)
    folds = ((first + _ranks(every)) % num_folds).astype(np.uint8)
    if groups:
        of_groups, known = (np.concatenate(arrays) for arrays in zip(*groups, strict=True))
        # Dealt in the order of their hashes, so that a few groups do not all fall into one fold.
        folds[known] = np.unique(of_groups[known], return_inverse=True)[1] % num_folds
    return np.split(folds, np.cumsum([len(part) for part in hashes])[:-1]) if hashes else []


def _ranks(hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
    """How many rows before a row are equal to it, [N]."""
    ranks = np.zeros(len(hashes), dtype=np.int64)
    in_order = np.sort(hashes)
    repeated = np.unique(in_order[1:][in_order[1:] == in_order[:-1]])
    if not len(repeated):
        return ranks
    rows = np.flatnonzero(np.isin(hashes, repeated))
    order = rows[np.argsort(hashes[rows], kind="stable")]
    # What stands before the first hash differs from it, so that the first group has a start, too.
    starts = np.flatnonzero(np.diff(hashes[order], prepend=hashes[order[0]] ^ np.uint64(1)))
    lengths = np.diff(starts, append=len(order))
    ranks[order] = np.arange(len(order)) - np.repeat(starts, lengths)
    return ranks
