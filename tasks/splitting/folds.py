"""Folds for cross validation: which of k folds each training row belongs to."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.errors import UserError
from tasks.params.split import GroupSplit, KeyedSplit, Split
from tasks.splitting.groups import group_column, group_positions
from tasks.splitting.key import Key
from tasks.tables.dataset import Dataset

FOLD = "_fold"
"""0 to k - 1 for a row that came in; -1 - fold for one made from a row of that fold, such as a copy: it is learnt from
where that fold is not judged on, and never judged on itself. Missing for one that was made from rows of two folds."""


def num_folds(config: Split) -> int:
    """How many folds there are; none in time, where no fold may be learnt from what came after it."""
    return config.folds if isinstance(config, KeyedSplit) else 0


def with_folds(rows: pl.DataFrame, config: Split, dataset: Dataset, key: Key) -> pl.DataFrame:
    """Training rows with the column `_fold`, Int8 in [0, k); as they are without folds.

    By a hash with a salt of its own, so that folds do not follow the positions that the parts were cut by: stratified
    in expectation, and rows of one key and rows of one group are in one fold.
    """
    if isinstance(config, GroupSplit) and config.folds:
        # A group is in one fold for the same reason that it is in one part.
        places = group_positions(rows, group_column(config, dataset), key, f"fold {config.seed}")
    elif isinstance(config, KeyedSplit) and config.folds:
        places = key.positions(rows, f"fold {config.seed}")
    else:
        return rows
    numbers = np.floor(places * config.folds).astype(np.int8)
    return rows.with_columns(pl.Series(FOLD, numbers, dtype=pl.Int8))


def check_folds(num_rows: list[int], config: Split) -> None:
    """Refuses folds that no row fell into. Raises UserError."""
    if 0 in num_rows:
        units = "groups" if isinstance(config, GroupSplit) else "rows"
        raise UserError(
            f"split.folds: no row falls into fold {num_rows.index(0)} of {len(num_rows)}; "
            f"make split.folds smaller, bring more {units}, or try another split.seed"
        )


def of_made_rows(folds: NDArray[np.int8]) -> NDArray[np.int8]:
    """What stands in `_fold` of rows that are made from rows of these folds, [N]."""
    # A copy of a copy keeps the fold of the row that it came from.
    made: NDArray[np.int8] = np.where(folds >= 0, -1 - folds, folds).astype(np.int8)
    return made
