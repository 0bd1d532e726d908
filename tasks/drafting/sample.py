"""A uniform sample of rows from a stream, the same one every time."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.tables.row_hashes import GOLDEN_RATIO, mixed

_ROW = "\0row number"
MAX_ROWS = 20_000
MAX_BYTES = 64 << 20
"""Rows of long text or many columns are heavy: fewer of them are kept."""


class RowSample:
    """The rows whose numbers have the smallest hashes. Bytes (images, audio) come in as their sizes."""

    def __init__(self, max_rows: int = MAX_ROWS) -> None:
        self._size = max_rows
        self._threshold = np.uint64(2**64 - 1)
        self._kept: list[pl.DataFrame] = []
        self._num_kept = self._num_seen = 0

    def add(self, rows: pl.DataFrame) -> None:
        """Takes in the next rows of the stream."""
        numbers = np.arange(self._num_seen, self._num_seen + rows.height, dtype=np.uint64)
        self._num_seen += rows.height
        chosen = np.flatnonzero(_hash(numbers) <= self._threshold)
        if not len(chosen):
            return
        self._kept.append(_without_bytes(rows[chosen]).insert_column(0, pl.Series(_ROW, numbers[chosen])))
        self._num_kept += len(chosen)
        if self._num_kept > 2 * self._size:
            self._compact()

    def rows(self) -> pl.DataFrame:
        """The sample in the order of the stream."""
        self._compact()
        return self._kept[0].sort(_ROW).drop(_ROW) if self._kept else pl.DataFrame()

    def _compact(self) -> None:
        if not self._kept:
            return
        together = pl.concat(self._kept, how="vertical_relaxed")
        num_bytes = together.estimated_size()
        if num_bytes > MAX_BYTES:
            self._size = max(1, min(self._size, together.height * MAX_BYTES // int(num_bytes)))
        if together.height > self._size:
            keys = _hash(together[_ROW].to_numpy())
            order = np.argsort(keys)[: self._size]
            self._threshold = keys[order[-1]]
            together = together[order]
        self._kept, self._num_kept = [together], together.height


def _without_bytes(rows: pl.DataFrame) -> pl.DataFrame:
    import polars.selectors as cs

    return rows.with_columns(cs.binary().bin.size())


def _hash(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's finalizer (Steele, Lea and Flood 2014): numbers that follow each other land anywhere."""
    return mixed(numbers + np.uint64(GOLDEN_RATIO))
