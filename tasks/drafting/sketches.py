"""Summaries of all rows in bounded memory, by hashes: distinct values, repeated rows, a sample of rows."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.tables.row_hashes import GOLDEN_RATIO, mixed

Hashes = NDArray[np.uint64]

MAX_SKETCHED = 2048
"""Hashes kept of a column: the estimate is then off by about 1 / sqrt(2046), which is 2 %."""
MAX_HASHED = 2_000_000
"""Rows whose hashes are kept (8 bytes each) to find those that are the same."""

MAX_ROWS = 20_000
MAX_BYTES = 64 << 20
"""Rows of long text or many columns are heavy: fewer of them are sampled."""
_ROW = "\0row number"


@dataclass(frozen=True)
class Sketch:
    """How many distinct values a column has, by their k smallest hashes (Bar-Yossef et al. 2002).

    The largest of these says how densely hashes lie. Exact while there are fewer than MAX_SKETCHED distinct values.
    """

    smallest: Hashes = field(default_factory=lambda: np.empty(0, dtype=np.uint64))
    """Sorted, distinct, at most MAX_SKETCHED."""

    @property
    def num_distinct(self) -> int:
        if len(self.smallest) < MAX_SKETCHED:
            return len(self.smallest)
        # k - 1 and not k: only so is the estimate unbiased (Beyer et al. 2007).
        return round((MAX_SKETCHED - 1) / (float(self.smallest[-1]) / 2.0**64))

    def add(self, hashes: pl.Series) -> Sketch:
        """With the hashes of some more values; only those below the largest kept are looked at."""
        if len(self.smallest) == MAX_SKETCHED:
            hashes = hashes.filter(hashes < int(self.smallest[-1]))
        if hashes.is_empty():
            return self
        return self.merge(Sketch(hashes.unique().to_numpy()))

    def merge(self, other: Sketch) -> Sketch:
        """Of both columns' values together."""
        return Sketch(np.union1d(self.smallest, other.smallest)[:MAX_SKETCHED])


class DuplicateCounter:
    """Rows that stand there before, by a hash of each; beyond MAX_HASHED rows they are no longer compared."""

    def __init__(self, identifiers: Collection[str]) -> None:
        self._identifiers = identifiers
        self._hashes: list[Hashes] = []
        self.num_rows = 0

    def add(self, rows: pl.DataFrame) -> None:
        """Takes in a batch: a row's hash is the sum of those of its cells, as each column has its own seed."""
        # Beyond, the first rows tell the share that repeats.
        if self.num_rows >= MAX_HASHED:
            return
        kept = [place for place, name in enumerate(rows.columns) if name not in self._identifiers]
        # By place: polars takes a name such as `*` for all columns.
        cells = [pl.nth(place).hash(seed=place) for place in kept or range(rows.width)]
        self._hashes.append(rows.select(pl.sum_horizontal(cells)).to_series().to_numpy())
        self.num_rows += rows.height

    @property
    def num_again(self) -> int:
        if not self._hashes:
            return 0
        return self.num_rows - pl.Series(np.concatenate(self._hashes)).n_unique()


class RowSample:
    """The rows whose numbers, from the first of the stream, have the smallest hashes: a uniform sample of bounded size.

    By the row's place and not by its content, so that rows which are the same are as frequent here as in the source,
    and nothing has to be hashed of rows that are not kept. Bounded in bytes as well, and given back in the order of
    the stream, which tells whether a column counts up or follows time. Bytes (images, audio) come in as their sizes.
    """

    def __init__(self, max_rows: int = MAX_ROWS) -> None:
        self._size = max_rows
        self._threshold = np.uint64(2**64 - 1)
        self._kept: list[pl.DataFrame] = []
        self._num_kept = self._num_rows = 0

    def add(self, rows: pl.DataFrame) -> None:
        """Takes in the next rows of the stream."""
        numbers = np.arange(self._num_rows, self._num_rows + rows.height, dtype=np.uint64)
        self._num_rows += rows.height
        chosen = np.flatnonzero(_hash(numbers) <= self._threshold)
        if not len(chosen):
            return
        self._kept.append(_without_bytes(rows[chosen]).insert_column(0, pl.Series(_ROW, numbers[chosen])))
        self._num_kept += len(chosen)
        # At twice the size: sorting at every batch would cost more than the rows that it saves.
        if self._num_kept > 2 * self._size:
            self._compact()

    def rows(self) -> pl.DataFrame:
        """The sample in the order of the stream."""
        self._compact()
        return self._kept[0].sort(_ROW).drop(_ROW) if self._kept else pl.DataFrame()

    def _compact(self) -> None:
        if not self._kept:
            return
        # Relaxed: of the files of one table, some may hold whole numbers where others hold fractions.
        together = pl.concat(self._kept, how="vertical_relaxed")
        num_bytes = together.estimated_size()
        if num_bytes > MAX_BYTES:
            self._size = max(1, min(self._size, together.height * MAX_BYTES // int(num_bytes)))
        if together.height > self._size:
            keys = _hash(together[_ROW].to_numpy())
            order = np.argsort(keys)[: self._size]
            # Rows above it can never come back, so later batches are cut down before they are kept.
            self._threshold = keys[order[-1]]
            together = together[order]
        self._kept, self._num_kept = [together], together.height


def _without_bytes(rows: pl.DataFrame) -> pl.DataFrame:
    import polars.selectors as cs

    return rows.with_columns(cs.binary().bin.size())


def _hash(numbers: Hashes) -> Hashes:
    """SplitMix64's finalizer (Steele, Lea and Flood 2014): numbers that follow each other land anywhere."""
    return mixed(numbers + np.uint64(GOLDEN_RATIO))
