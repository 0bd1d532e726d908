"""Rows whose hashes differ from those of an earlier row in a few bits only: exact, and without comparing all pairs.

Of `distance + 1` bands of bits, two hashes that differ in at most `distance` bits agree in one whole band (pigeonhole):
only rows that share a band are compared. M. Norouzi, A. Punjani and D. Fleet, Fast Search in Hamming Space with
Multi-Index Hashing (2012). That holds for any choice of bits. Those that tell rows apart are dealt out to all bands:
pictures on one background have most bits in common, and all of them would share a band of such bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
"""[N, columns, words]: a row's hash in each column."""
Keys = NDArray[np.uint64]
Numbers = NDArray[np.int64]

_FEW = 512
"""Rows that are compared each with each: below, that is faster than bands."""

_MOST_PAIRS = 1 << 20
"""Pairs that are compared at a time: their hashes take 64 MiB a column."""

_WORD = 64

_CHUNK = 1 << 14
"""Rows whose bits are looked at one by one at a time: at most a few MiB of them."""

_NONE = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Near:
    """Rows [F] that are near an earlier one that stays, ascending; that one's number, and the bits that differ."""

    rows: Numbers
    others: Numbers
    bits: Numbers


def near_earlier(hashes: Hashes, distance: int, num_fixed: int = 0) -> Near:
    """Each row that differs from an earlier row which stays in at most `distance` bits in every column.

    The first `num_fixed` rows stay all the same, so that later ones are compared with every one of them.

    Of several such rows any may be named, always the same one. Memory: 80 bytes a row and column.
    """
    flat = hashes.reshape(len(hashes), hashes.shape[1] * hashes.shape[2])
    # Equal hashes are one: a picture that stands a million times is searched for once.
    _, first, group = np.unique(flat, axis=0, return_index=True, return_inverse=True)
    search = _Search(hashes, distance)
    if distance:
        first_of_each = np.sort(first)
        num_first = int(np.searchsorted(first_of_each, num_fixed))
        fixed, others_of_each = first_of_each[:num_first], first_of_each[num_first:]
        # Sorted, as a row is compared with those before it.
        search.staying(fixed)
        search.staying(search.not_near(others_of_each, fixed))
    # Rows of one hash share their fate, but that the first of them stays when no other is near.
    representative = first[group.reshape(-1)]
    repeated = representative != np.arange(len(hashes))
    alone = repeated & (search.other[representative] < 0)
    others = np.where(alone, representative, search.other[representative])
    rows = np.flatnonzero(others >= 0)
    return Near(rows, others[rows], search.bits[representative[rows]])


class _Search:
    """The hashes, and for each row the one that it is near to, -1 so far, and the bits that differ."""

    def __init__(self, hashes: Hashes, distance: int) -> None:
        self.other: Numbers = np.full(len(hashes), -1, dtype=np.int64)
        self.bits: Numbers = np.zeros(len(hashes), dtype=np.int64)
        self._hashes = hashes
        self._distance = distance
        self._words = _dealt_out(hashes, distance + 1) if distance else hashes[:, 0]

    def staying(self, rows: Numbers) -> Numbers:
        """Those of these rows (ascending) that stay when there are no others; of the rest, `other` says why.

        The first half is settled by itself. What is near to one of it that stays goes from the second half, and what is
        left of that is again settled by itself: so work is that of sorting, and never that of all pairs.
        """
        if len(rows) <= _FEW:
            return self._staying_of_few(rows)
        middle = len(rows) // 2
        before = self.staying(rows[:middle])
        return np.concatenate([before, self.staying(self.not_near(rows[middle:], before))])

    def _staying_of_few(self, rows: Numbers) -> Numbers:
        hashes = self._hashes[rows]
        bits = _differing(hashes[:, None], hashes[None])
        # Below the diagonal: only earlier rows count, and none is near to itself.
        near = np.tril(bits <= self._distance, -1)
        kept = np.ones(len(rows), dtype=np.bool_)
        for number in np.flatnonzero(near.any(axis=1)):
            # Only rows that stay count: a chain must not carry a finding from one end to the other.
            candidates = np.flatnonzero(near[number] & kept)
            if len(candidates):
                nearest = candidates[bits[number, candidates].argmin()]
                kept[number] = False
                self.other[rows[number]], self.bits[rows[number]] = rows[nearest], bits[number, nearest]
        return rows[kept]

    def not_near(self, rows: Numbers, known: Numbers) -> Numbers:
        """Those of the rows that are near to none of the known ones."""
        # One band more than bits may differ, so that one band at least agrees (pigeonhole).
        for band in range(self._distance + 1):
            keys = self._keys(known, band)
            order = np.argsort(keys, kind="stable")
            # Bits and number in one integer, so that the least of them is the nearest row, and of those the first.
            for asked, best in self._matches(rows, band, keys[order], known[order]):
                self.other[asked], self.bits[asked] = best % len(self.other), best // len(self.other)
            # A row that was found by one band is not looked up by the others.
            rows = rows[self.other[rows] < 0]
        return rows

    def _matches(self, rows: Numbers, band: int, keys: Keys, known: Numbers) -> Iterator[tuple[Numbers, Numbers]]:
        """Rows with a near one among the known, which are sorted by their keys; its bits and number as one number."""
        own = self._keys(rows, band)
        # Sorted keys are looked up several times as fast.
        order = np.argsort(own, kind="stable")
        rows, own = rows[order], own[order]
        start: Numbers = np.searchsorted(keys, own, side="left")
        count: Numbers = np.searchsorted(keys, own, side="right") - start
        rows, start, count = rows[count > 0], start[count > 0], count[count > 0]
        # A band that many rows share would make pairs beyond all memory.
        chunk = np.cumsum(count) // _MOST_PAIRS
        for here in np.split(np.arange(len(rows)), np.flatnonzero(np.diff(chunk)) + 1):
            best = self._nearest(rows[here], start[here], count[here], known)
            yield rows[here][best != _NONE], best[best != _NONE]

    def _nearest(self, rows: Numbers, start: Numbers, count: Numbers, known: Numbers) -> Numbers:
        """For each row, of its `count` candidates from `start`, the nearest one that is near enough, or none."""
        if not len(rows):
            return np.zeros(0, dtype=np.int64)
        begins = np.cumsum(count) - count
        candidates = known[np.arange(count.sum()) + np.repeat(start - begins, count)]
        bits = _differing(self._hashes[np.repeat(rows, count)], self._hashes[candidates])
        ranked = np.where(bits <= self._distance, bits * len(self.other) + candidates, _NONE)
        return np.minimum.reduceat(ranked, begins)

    def _keys(self, rows: Numbers, band: int) -> Keys:
        """The bits of one band: 64 at most, which is enough to tell hashes apart."""
        num_bits = self._hashes.shape[2] * _WORD
        start, end = _limits(num_bits, self._distance + 1, band)
        word, skipped = divmod(start, _WORD)
        keys: Keys = self._words[rows, word] >> np.uint64(skipped)
        # A band may begin in one word and end in the next.
        if end > (word + 1) * _WORD and skipped:
            keys |= self._words[rows, word + 1] << np.uint64(_WORD - skipped)
        # A band wider than a word is told apart well enough by 64 of its bits.
        keys &= np.uint64((1 << min(end - start, _WORD)) - 1)
        return keys


def _limits(num_bits: int, num_bands: int, band: int) -> tuple[int, int]:
    """Where a band begins and ends."""
    return num_bits * band // num_bands, num_bits * (band + 1) // num_bands


def _dealt_out(hashes: Hashes, num_bands: int) -> Keys:
    """The hashes of the column that tells the rows apart best, [N, words], each band having its share of such bits."""
    num_rows, num_columns, num_words = hashes.shape
    num_set = np.zeros((num_columns, num_words * _WORD), dtype=np.int64)
    for start in range(0, num_rows, _CHUNK):
        num_set += _bits(hashes[start : start + _CHUNK]).sum(axis=0, dtype=np.int64)
    # A bit that half of the rows have halves what is compared, one that all or none of them have does nothing.
    evenness = np.minimum(num_set, num_rows - num_set)
    column = int(evenness.sum(axis=1).argmax())
    order = _dealt_order(np.argsort(-evenness[column], kind="stable"), num_bands)
    words = np.empty((num_rows, num_words), dtype=np.uint64)
    for start in range(0, num_rows, _CHUNK):
        bits = _bits(hashes[start : start + _CHUNK, column])[:, order]
        packed = np.packbits(bits, axis=-1, bitorder="little")
        words[start : start + _CHUNK] = np.ascontiguousarray(packed).view(np.uint64)
    return words


def _dealt_order(ranked: Numbers, num_bands: int) -> Numbers:
    """Bits, best first, as they stand once each band in turn has taken one, until it is full."""
    limits = [_limits(len(ranked), num_bands, band) for band in range(num_bands)]
    turns = sorted(
        (place - start, band, place) for band, (start, end) in enumerate(limits) for place in range(start, end)
    )
    order = np.empty_like(ranked)
    order[[place for _, _, place in turns]] = ranked
    return order


def _bits(hashes: Hashes) -> NDArray[np.uint8]:
    """[..., words] as [..., bits], the least one of each word first."""
    return np.unpackbits(np.ascontiguousarray(hashes).view(np.uint8), axis=-1, bitorder="little")


def _differing(first: Hashes, second: Hashes) -> Numbers:
    """Bits in which hashes [..., columns, words] differ, in the column where most do: [...]."""
    differing = np.bitwise_count(first ^ second).sum(axis=-1, dtype=np.int64)
    most: Numbers = differing.max(axis=-1)
    return most
