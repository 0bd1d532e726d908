"""Texts as sets of shingles, runs of 5 characters, each of them a 64-bit hash; and how alike two sets are.

Case and the width of white space make no difference. A text shorter than a shingle is one shingle as a whole, a text
without a character (or a missing one) has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

LENGTH = 5
"""Characters in a shingle: short texts such as e-mails need 5, long ones 9 (Leskovec, Rajaraman, Ullman, Mining of
Massive Datasets, 2014, section 3.2.2)."""

_SEED = 1997


@dataclass(frozen=True, eq=False)
class Shingles:
    """Shingles of N texts, one text after the other: `hashes` [M] uint64, of which text i has `counts[i]` [N] int64.

    A shingle that stands twice in a text is there twice.
    """

    hashes: NDArray[np.uint64]
    counts: NDArray[np.int64]

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """Where each text begins, [N]."""
        return np.cumsum(self.counts) - self.counts

    def of_text(self, number: int) -> NDArray[np.uint64]:
        """The set of one text's shingles, ascending."""
        start = int(self.starts[number])
        return np.unique(self.hashes[start : start + int(self.counts[number])])


def shingles(texts: pl.Series, column: int = 0) -> Shingles:
    """The shingles of each text [N]; the same characters in another column are another shingle."""
    plain = _plain(texts)
    lengths = plain.str.len_chars().to_numpy().astype(np.int64)
    # UTF-32 gives each character four bytes, so that numpy can cut shingles of all texts at once.
    letters = np.frombuffer("".join(plain.to_list()).encode("utf-32-le"), dtype=np.uint32)
    hashes = _hashes(letters, column)
    return Shingles(hashes[_within_a_text(lengths, len(hashes))], np.maximum(lengths - LENGTH + 1, 0))


def jaccard(one: NDArray[np.uint64], others: list[NDArray[np.uint64]]) -> NDArray[np.float64]:
    """Jaccard's index of one set and each of the others [K]: what both have, over what any of them has.

    Sets are ascending hashes. Two empty sets are alike.
    """
    sizes = np.array([len(other) for other in others])
    # Every shingle with the set that it is of, so that one search counts them for all sets.
    owner = np.repeat(np.arange(len(others)), sizes)
    shared = np.bincount(owner[_in(np.concatenate(others), one)], minlength=len(others))
    either = len(one) + sizes - shared
    # The maximum only keeps numpy from dividing by zero where the answer is 1 anyway.
    return np.where(either == 0, 1.0, shared / np.maximum(either, 1))


def _plain(texts: pl.Series) -> pl.Series:
    """Lower case, white space as single blanks, none at the ends, and zeros behind texts shorter than a shingle."""
    plain = texts.fill_null("").str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars()
    padded = plain.str.pad_end(LENGTH, "\0")
    # An empty text stays empty: it has no shingle, and is like nothing.
    return padded.zip_with(plain != "", plain)


def _hashes(letters: NDArray[np.uint32], column: int) -> NDArray[np.uint64]:
    """A hash of the shingle that begins at each letter [M - 4]: multilinear, then mixed as in MurmurHash3's end."""
    num_shingles = max(len(letters) - LENGTH + 1, 0)
    # The column is part of the hash, so that columns of one row share no shingles.
    hashes = np.full(num_shingles, np.uint64(column), dtype=np.uint64)
    for offset, factor in enumerate(_factors()):
        hashes += letters[offset : offset + num_shingles].astype(np.uint64) * factor
    hashes ^= hashes >> np.uint64(33)
    hashes *= np.uint64(0xFF51AFD7ED558CCD)
    hashes ^= hashes >> np.uint64(33)
    hashes *= np.uint64(0xC4CEB9FE1A85EC53)
    hashes ^= hashes >> np.uint64(33)
    return hashes


@cache
def _factors() -> NDArray[np.uint64]:
    """An odd 64-bit factor for each letter of a shingle; PCG64's raw stream is fixed for ever (NEP 19)."""
    return np.random.PCG64(_SEED).random_raw(LENGTH) | np.uint64(1)


def _within_a_text(lengths: NDArray[np.int64], num_hashes: int) -> NDArray[np.bool_]:
    """Which of the hashes are of one text alone: the last four letters of a text begin none."""
    within = np.ones(num_hashes, dtype=np.bool_)
    # Empty texts have no letters that a shingle could run into.
    ends = np.cumsum(lengths[lengths > 0])[:-1]
    for offset in range(1, LENGTH):
        within[ends - offset] = False
    return within


def _in(values: NDArray[np.uint64], ascending: NDArray[np.uint64]) -> NDArray[np.bool_]:
    # The clip below needs one place at least.
    if not len(ascending):
        return np.zeros(len(values), dtype=np.bool_)
    places = np.searchsorted(ascending, values).clip(max=len(ascending) - 1)
    return np.asarray(ascending[places] == values)
