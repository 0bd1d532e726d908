"""Which texts share a band: the keys of all rows, on disk, band by band, and sorted one band at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from tempfile import TemporaryFile
from typing import IO

import numpy as np
from numpy.typing import NDArray

ALONE = -1
"""The bucket of a row that shares its key with no other."""


class BandFiles:
    """A file without a name for each band: first every row's key (8 bytes), then the number of its bucket (4 bytes).

    On disk are 8 bytes a band and row; in memory are 24 bytes a row while a band is sorted, and nothing afterwards.
    """

    def __init__(self, files: list[IO[bytes]]) -> None:
        self.num_buckets = 0
        self._files = files

    def append(self, keys: NDArray[np.uint64]) -> None:
        """The next rows' keys, [bands, n]."""
        for file, of_band in zip(self._files, keys, strict=True):
            file.write(np.ascontiguousarray(of_band).data)

    def sort_into_buckets(self) -> None:
        """Gives a number, over all bands, to each key that two rows or more have; in place of the keys."""
        for file in self._files:
            file.seek(0)
            keys = np.frombuffer(file.read(), dtype=np.uint64)
            buckets, num_new = _buckets(keys, self.num_buckets)
            assert self.num_buckets + num_new < 2**31, "buckets are numbered with 32 bits"
            self.num_buckets += num_new
            file.seek(0)
            file.truncate()
            file.write(buckets.data)
            file.seek(0)

    def next_buckets(self, num_rows: int) -> NDArray[np.int32]:
        """The buckets of the next rows, in the order in which they were appended: [bands, n]."""
        size = num_rows * np.dtype(np.int32).itemsize
        return np.stack([np.frombuffer(file.read(size), dtype=np.int32) for file in self._files])


@contextmanager
def band_files(num_bands: int) -> Iterator[BandFiles]:
    """Files for so many bands, which are gone when the block ends."""
    with ExitStack() as opened:
        yield BandFiles([opened.enter_context(TemporaryFile()) for _ in range(num_bands)])


def _buckets(keys: NDArray[np.uint64], first: int) -> tuple[NDArray[np.int32], int]:
    """Each row's bucket [N], numbered from `first` in the order of their keys; and how many there are."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    as_before = np.concatenate([[False], ordered[1:] == ordered[:-1]])[: len(keys)]
    shared = as_before | np.concatenate([as_before[1:], [False]])[: len(keys)]
    numbers = np.cumsum(shared & ~as_before) + (first - 1)
    buckets = np.full(len(keys), ALONE, dtype=np.int32)
    buckets[order] = np.where(shared, numbers, ALONE)
    return buckets, int(np.count_nonzero(shared & ~as_before))
