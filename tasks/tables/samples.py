"""Samples by hash: the rows with the smallest hashes, which are the same in any order and for any cut into parts."""

from __future__ import annotations

import numpy as np
import polars as pl

HASH = "_hash"
"""A column with each row's hash."""


class StableSample:
    """Up to `most` of all rows that were added: those with the smallest `HASH`, and of equal hashes the first in order.

    Memory: `most` rows and a part.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: pl.DataFrame | None = None

    def wanted(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Without rows that a full sample has no place for: in most parts, most of them."""
        if self._kept is None or self._kept.height < self._most:
            return rows
        return rows.filter(pl.col(HASH) <= self._kept[HASH].max())

    def add(self, rows: pl.DataFrame) -> None:
        """Rows with `HASH` and one or more other columns, of the same names in every part."""
        self._kept = smallest(rows if self._kept is None else pl.concat([self._kept, rows]), self._most)

    def rows(self) -> pl.DataFrame | None:
        """The sample with its hashes, in their order; None when no part was added."""
        return None if self._kept is None else _sorted(self._kept)


def smallest(rows: pl.DataFrame, most: int) -> pl.DataFrame:
    """The `most` rows with the smallest `HASH`, or all of fewer rows; of equal hashes the first in order.

    When each row's hash is its own, this is bottom-k sampling (Cohen and Kaplan, 2007): an unbiased sample of them.
    """
    if rows.height <= most:
        return rows
    # Only what lies below the limit is sorted: other columns may be pictures or long texts.
    limit = np.partition(rows[HASH].to_numpy(), most - 1)[most - 1]
    return _sorted(rows.filter(pl.col(HASH) <= limit)).head(most)


def _sorted(rows: pl.DataFrame) -> pl.DataFrame:
    # By all columns: rows with one hash would else be kept by the order in which they came.
    return rows.sort(HASH, *(name for name in rows.columns if name != HASH))
