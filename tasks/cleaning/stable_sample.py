"""Rows to learn from when all would be too many: those with the smallest hash, the same for any cut into parts."""

from __future__ import annotations

import polars as pl

HASH = "_hash"
"""A column with each row's hash."""


class StableSample:
    """Up to `most` of all rows seen: those with the smallest `HASH`, and of rows with one hash those that sort first.

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
        kept = rows if self._kept is None else pl.concat([self._kept, rows])
        self._kept = _sorted(kept).head(self._most) if kept.height > self._most else kept

    def rows(self) -> pl.DataFrame | None:
        """The sample with its hashes, in their order; None when no part was seen."""
        return None if self._kept is None else _sorted(self._kept)


def _sorted(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.sort(HASH, *(name for name in rows.columns if name != HASH))
