"""MinHash signatures, cut into bands: texts that are nearly the same share a band, others hardly ever do.

Broder, On the resemblance and containment of documents, 1997: under a random order of all shingles, two sets have the
same first shingle with a probability that is their Jaccard index. Bands: Indyk and Motwani, 1998.

Which texts share a band: the keys of all rows, on disk, band by band, and sorted one band at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from tempfile import TemporaryFile
from typing import IO

import numpy as np
from numpy.typing import NDArray

from tasks.cleaning.near.shingles import Shingles

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
            # One band at a time is in memory.
            keys = np.frombuffer(file.read(), dtype=np.uint64)
            buckets, num_new = _buckets(keys, self.num_buckets)
            assert self.num_buckets + num_new < 2**31, "buckets are numbered with 32 bits"
            self.num_buckets += num_new
            file.seek(0)
            # The numbers of buckets take half the room of the keys that they replace.
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
    # Cut to the number of keys, as there may be none.
    as_before = np.concatenate([[False], ordered[1:] == ordered[:-1]])[: len(keys)]
    shared = as_before | np.concatenate([as_before[1:], [False]])[: len(keys)]
    numbers = np.cumsum(shared & ~as_before) + (first - 1)
    buckets = np.full(len(keys), ALONE, dtype=np.int32)
    buckets[order] = np.where(shared, numbers, ALONE)
    return buckets, int(np.count_nonzero(shared & ~as_before))


NUM_PERMUTATIONS = 128

_RECALL = 0.99
"""Least probability that two texts exactly as alike as was asked for share a band; those more alike share more."""

_SEED = 128

_CHUNK = 65_536
"""Shingles that are worked on at once: with them and their products, 512 KiB, inside a core's own cache."""

_NONE = np.uint32(2**32 - 1)


@dataclass(frozen=True)
class Banding:
    """`num_bands` bands of `num_rows` numbers of the signature each."""

    num_bands: int
    num_rows: int

    def probability(self, similarity: float) -> float:
        """That two texts share a band."""
        return float(1 - (1 - similarity**self.num_rows) ** self.num_bands)


def banding(similarity: float) -> Banding:
    """The longest bands that still find texts of this similarity: the longer they are, the fewer others share one."""
    # Longest bands first, as fewer chance neighbours share them.
    choices = [Banding(NUM_PERMUTATIONS // num_rows, num_rows) for num_rows in range(NUM_PERMUTATIONS, 0, -1)]
    return next(choice for choice in choices if choice.probability(similarity) >= _RECALL)


def signatures(texts: Shingles) -> NDArray[np.uint32]:
    """The least hash of each text under each permutation, [128, N] uint32; of a text without shingles the largest.

    Permutations are x -> a * x + b mod 2^32 with odd a: the linear ones that Broder, Charikar, Frieze and Mitzenmacher
    (Min-wise independent permutations, 2000) found good enough in practice, of shingles that are well mixed already.
    """
    least = np.full((NUM_PERMUTATIONS, len(texts.counts)), _NONE, dtype=np.uint32)
    present = np.flatnonzero(texts.counts)
    starts = texts.starts[present]
    shortened = (texts.hashes >> np.uint64(32)).astype(np.uint32)
    for first, last in _chunks(starts, len(shortened)):
        begin, end = starts[first], starts[last] if last < len(starts) else len(shortened)
        least[:, present[first:last]] = _minima(shortened[begin:end], starts[first:last] - begin)
    return least


def band_keys(least: NDArray[np.uint32], how: Banding) -> NDArray[np.uint64]:
    """Signatures [128, N] as a key a band, [num_bands, N] uint64: an FNV-1a of its numbers."""
    used = least[: how.num_bands * how.num_rows].reshape(how.num_bands, how.num_rows, -1)
    keys = np.full((how.num_bands, least.shape[1]), np.uint64(0xCBF29CE484222325))
    for number in range(how.num_rows):
        keys ^= used[:, number]
        keys *= np.uint64(0x100000001B3)
        keys ^= keys >> np.uint64(32)
    return keys


def _minima(hashes: NDArray[np.uint32], starts: NDArray[np.int64]) -> NDArray[np.uint32]:
    """[128, n] for the n texts that begin at `starts`, none of them empty."""
    least = np.empty((NUM_PERMUTATIONS, len(starts)), dtype=np.uint32)
    # One array for all permutations: it stays in the cache.
    permuted = np.empty_like(hashes)
    for number, (factor, offset) in enumerate(zip(*_permutations(), strict=True)):
        np.multiply(hashes, factor, out=permuted)
        np.add(permuted, offset, out=permuted)
        np.minimum.reduceat(permuted, starts, out=least[number])
    return least


@cache
def _permutations() -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Factors and offsets, [128] each; PCG64's raw stream is fixed for ever (NEP 19)."""
    raw = np.random.PCG64(_SEED).random_raw(2 * NUM_PERMUTATIONS) >> np.uint64(32)
    factors, offsets = raw.astype(np.uint32).reshape(2, NUM_PERMUTATIONS)
    # Odd factors have an inverse modulo 2^32: no two hashes become one.
    return factors | np.uint32(1), offsets


def _chunks(starts: NDArray[np.int64], num_hashes: int) -> list[tuple[int, int]]:
    """Runs of whole texts [first, last) that begin within one chunk of hashes; a long text is a run by itself."""
    # A long text spans several chunks, whose edges are then one.
    edges = np.unique(np.searchsorted(starts, np.arange(0, num_hashes + _CHUNK, _CHUNK)))
    return list(pairwise(edges.tolist()))
