"""Quantiles of numbers from counts in buckets, as states that merge: the same for any cut into parts and any order.

A double's bits, with the sign turned round, count up as the doubles do. Numbers are counted by the first bits of that
key, at the longest prefix with which no more than MOST_KEYS differ. Longer prefixes and more numbers can only tell more
of them apart, so how long it ends up depends on the set of numbers alone. Up to MOST_KEYS distinct numbers are counted
exactly; beyond that, the bits that all have in common cost nothing, so the resolution follows how far the numbers lie
apart, not how large they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST_KEYS = 16_384
"""16 bytes each: a quarter of a mebibyte. Quantiles of a million normal numbers, from 1 % to 99 %, are then within
0.15 % of their deviation; those of evenly spread ones within 0.03 %."""

_MOST_COUNTERS = 1 << 18
"""2 MiB of them, which take as long to go through as some thousands of numbers take to be put in order."""

_WHOLE = 64
"""Bits of a key."""

_SIGN = np.uint64(1 << 63)
_ALL = np.uint64(2**64 - 1)


@dataclass(frozen=True, eq=False)
class Histogram:
    """How many numbers have a key that begins with these `bits` bits: `keys` [K] ascending, `counts` [K]."""

    bits: int
    keys: NDArray[np.uint64]
    counts: NDArray[np.int64]

    @property
    def count(self) -> int:
        """How many numbers were counted."""
        return int(self.counts.sum())

    @property
    def values(self) -> NDArray[np.float64]:
        """A number for each key [K], ascending: itself while keys are whole, else the middle of those that share it.

        Zero stands for its own bucket, however wide: columns that are mostly zero shall say so.
        """
        dropped = _WHOLE - self.bits
        if not dropped:
            return _doubles(self.keys)
        middles = (self.keys << np.uint64(dropped)) + np.uint64(1 << (dropped - 1))
        return np.where(self.keys == _SIGN >> np.uint64(dropped), 0.0, _doubles(middles))

    @property
    def edges(self) -> NDArray[np.float64]:
        """A double between each key and the next [K - 1]: above all of the first's numbers, none of the second's below.

        Of those that would do, the one that ends in most zeros: an edge also of numbers that are counted more coarsely.
        """
        dropped = np.uint64(_WHOLE - self.bits)
        last, first = ((self.keys[:-1] + np.uint64(1)) << dropped) - np.uint64(1), self.keys[1:] << dropped
        below = last ^ first
        # Below the highest bit in which they differ the first's bits may be zero, and it is still above the last.
        for shift in (1, 2, 4, 8, 16, 32):
            below |= below >> np.uint64(shift)
        return _doubles(first & ~(below >> np.uint64(1)))

    def num_below(self, edges: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """How many numbers are below each edge [L], at least and at most: where an edge cuts a key's numbers in two, it
        is not known on which side of it they lie.
        """
        dropped = np.uint64(_WHOLE - self.bits)
        edge_keys = _keys(edges)
        ends = np.concatenate([[0], np.cumsum(self.counts)])
        at_least = ends[np.searchsorted(self.keys, edge_keys >> dropped, side="left")]
        at_most = ends[np.searchsorted(self.keys, edge_keys >> dropped, side="right")]
        # An edge that is the least number of its key has all of them above it.
        return at_least, np.where(edge_keys >> dropped << dropped == edge_keys, at_least, at_most)

    def weighted_values(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """The values [K] and how often each was seen [K]."""
        return self.values, self.counts

    def quantile(self, level: float) -> float:
        """The number below which this share lies, `level` in [0, 1]; there must be numbers."""
        return float(self.quantiles(np.array([level]))[0])

    def quantiles(self, levels: NDArray[np.float64]) -> NDArray[np.float64]:
        """One for each level [L] in [0, 1]: numpy's default, a straight line between neighbours in order."""
        positions = levels * (self.count - 1)
        before = np.floor(positions)
        values, ends = self.values, np.cumsum(self.counts)
        low = values[np.searchsorted(ends, before, side="right")]
        high = values[np.searchsorted(ends, np.ceil(positions), side="right")]
        return _between(low, high, positions - before)


def histogram(values: NDArray[np.float64]) -> Histogram:
    """The counts of one part's numbers [N], all of which are finite."""
    keys = np.sort(_keys(values))
    return _condensed(_WHOLE, keys, np.ones(len(keys), dtype=np.int64))


def extended(counted: Histogram | None, values: NDArray[np.float64]) -> Histogram:
    """The counts so far, and one part's numbers [N], all of which are finite: as `merged` with `histogram` of them.

    The bits that are dropped already are dropped before the numbers are put in order, which takes most of the time.
    """
    if counted is None or counted.bits == _WHOLE:
        new = histogram(values)
        return new if counted is None else merged(counted, new)
    return merged(counted, _counted_by_prefix(_keys(values) >> np.uint64(_WHOLE - counted.bits), counted.bits))


def _counted_by_prefix(prefixes: NDArray[np.uint64], bits: int) -> Histogram:
    """How many numbers have each prefix, in any order [N]; there may be more of them than MOST_KEYS."""
    # Those of the numbers nearest to zero lie far from each other.
    is_below = prefixes < _SIGN >> np.uint64(_WHOLE - bits)
    keys, counts = zip(_counted(prefixes[is_below]), _counted(prefixes[~is_below]), strict=True)
    return Histogram(bits, np.concatenate(keys), np.concatenate(counts))


def _counted(prefixes: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """The different prefixes, ascending [K], and how many there are of each [K]."""
    least = prefixes.min(initial=_ALL)
    span = int(prefixes.max(initial=least) - least) + 1
    if span > _MOST_COUNTERS:
        return np.unique(prefixes, return_counts=True)
    # What lies close together need not be sorted.
    counts = np.bincount((prefixes - least).astype(np.int64), minlength=span)
    places = np.flatnonzero(counts)
    return places.astype(np.uint64) + least, counts[places]


def merged(first: Histogram, second: Histogram) -> Histogram:
    """The counts of both."""
    bits = min(first.bits, second.bits)
    keys = np.concatenate([one.keys >> np.uint64(one.bits - bits) for one in (first, second)])
    # Both are ascending already, and a stable sort takes advantage of that.
    order = np.argsort(keys, kind="stable")
    return _condensed(bits, keys[order], np.concatenate([first.counts, second.counts])[order])


def _condensed(bits: int, keys: NDArray[np.uint64], counts: NDArray[np.int64]) -> Histogram:
    """Of ascending keys, some of them the same: cut to the longest prefix that leaves no more than MOST_KEYS."""
    if not len(keys):
        return Histogram(bits, keys, counts)
    excess = np.uint64(_excess_bits(keys[1:] ^ keys[:-1]))
    prefixes = keys >> excess
    starts = np.concatenate([[0], np.flatnonzero(prefixes[1:] != prefixes[:-1]) + 1])
    return Histogram(bits - int(excess), prefixes[starts], np.add.reduceat(counts, starts))


def _excess_bits(differences: NDArray[np.uint64]) -> int:
    """How many of the last bits must go, by the bits [K - 1] in which neighbours differ.

    Neighbours are two keys while a bit in which they differ is left, so MOST_KEYS pairs must not all stay apart: the
    least of the MOST_KEYS that differ most has to vanish.
    """
    # First, as a search among many equal ones takes fifteen times as long.
    if np.count_nonzero(differences) < MOST_KEYS:
        return 0
    to_vanish = int(np.partition(differences, -MOST_KEYS)[-MOST_KEYS])
    return to_vanish.bit_length()


def _keys(values: NDArray[np.float64]) -> NDArray[np.uint64]:
    """Integers in the order of the doubles; adding 0 makes one zero of the two."""
    bits = (values + 0.0).view(np.uint64)
    return bits ^ np.where(bits & _SIGN, _ALL, _SIGN)


def _doubles(keys: NDArray[np.uint64]) -> NDArray[np.float64]:
    """The doubles that have these keys."""
    return (keys ^ np.where(keys & _SIGN, _SIGN, _ALL)).view(np.float64)


def _between(low: NDArray[np.float64], high: NDArray[np.float64], share: NDArray[np.float64]) -> NDArray[np.float64]:
    """From low to high by a share, from the nearer end as numpy does, unless the distance is more than a double."""
    with np.errstate(over="ignore", invalid="ignore"):
        distance = high - low
        near = np.where(share < 0.5, low + distance * share, high - distance * (1 - share))
    return np.where(np.isfinite(distance), near, low * (1 - share) + high * share)
