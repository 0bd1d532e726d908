"""The fold of rows that are made from rows that came in, where split made folds."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.recipe.recipe import Recipe
from tasks.splitting.folds import FOLD, of_made_rows


def has_folds(rows: pl.DataFrame, recipe: Recipe) -> bool:
    """Whether the rows bring their folds; a feature of the same name says nothing of them."""
    known = {recipe.target.name, *(feature.name for feature in recipe.features)}
    return FOLD in rows.columns and FOLD not in known


def folds_of(rows: pl.DataFrame, recipe: Recipe) -> NDArray[np.int64]:
    """Each row's fold [N]; 0 for all where there are none."""
    if not has_folds(rows, recipe):
        return np.zeros(rows.height, dtype=np.int64)
    return rows[FOLD].to_numpy().astype(np.int64)


def as_made(rows: pl.DataFrame, recipe: Recipe, other: NDArray[np.int64] | None = None) -> pl.DataFrame:
    """The rows, marked as made from rows of their fold; of none, where the `other` row's fold [N] is another one."""
    if not has_folds(rows, recipe):
        return rows
    own = rows[FOLD].to_numpy()
    made = pl.Series(FOLD, of_made_rows(own), dtype=rows[FOLD].dtype)
    if other is not None:
        made = made.set(pl.Series(own != other), None)
    return rows.with_columns(made)
