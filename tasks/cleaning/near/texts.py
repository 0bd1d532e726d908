"""Near duplicates of text: rows whose texts are nearly those of an earlier row, by MinHash and then exactly.

The rows are read twice. First, each row's signature is cut into bands, and rows that share a band are told (on disk).
Then such rows are compared, in their order, with earlier ones of the same bands that stay: by Jaccard's index of their
shingles, which decides. So nothing is found that is less alike than was asked for, and a pair exactly at the limit is
missed with a probability of at most 1 % (bands are chosen by that; see tasks.cleaning.near.minhash).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from tempfile import TemporaryFile
from typing import IO

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.cleaning.findings import ALL_TRAIN, ROW, Findings, Parts, PartStarts, empty_findings, findings_of
from tasks.cleaning.near.minhash import ALONE, BandFiles, band_files, band_keys, banding, signatures
from tasks.cleaning.near.shingles import Shingles, jaccard, shingles

RULE = "near_duplicate_text"
LEAK = "leaked_text"
"""The rule for a row that is learnt from and near one that is judged on."""

MOST_COMPARED = 64
"""Rows of one bucket that a row is compared with, the latest that stay: thousands of texts from one template, each a
bit less alike than was asked for, would take the square of their number."""

_END = -1


def near_texts(parts: Parts, columns: Sequence[str], similarity: float, starts: PartStarts = ALL_TRAIN) -> Findings:
    """Rows whose texts are as alike as `similarity` (Jaccard's index) to those of an earlier row, in every column.

    The earlier row stays, and only rows that stay are compared with: of a chain a ~ b ~ c, c stays where it is not
    like a; but rows that are judged on stay in any case. A missing text is an empty one; rows without any text are
    not judged. The score is the similarity (in the column where it is least) to the row that the reason names, the
    most similar.

    Memory: a part; 24 bytes a row while a band is sorted; and of rows that share a band, 8 bytes a band, besides 4 a
    bucket. Keys of bands (8 bytes a band and row) and shingles of rows that are compared are in temporary files.
    """
    how = banding(similarity)
    with band_files(how.num_bands) as bands:
        for part in parts():
            each = [shingles(part[column], number) for number, column in enumerate(columns)]
            # The shingles of all columns as one set: a row is looked up once, and then compared column by column.
            least = np.minimum.reduce([signatures(one) for one in each])
            # Rows without any text would all share their bands.
            bands.append(band_keys(least, how)[:, _with_text(each)])
        bands.sort_into_buckets()
        with _staying(bands.num_buckets, len(columns)) as staying:
            findings = [_judged(part, columns, similarity, bands, staying, starts) for part in parts()]
    return pl.concat([empty_findings(), *findings])


class _Staying:
    """The rows that stay: those of each bucket as a list of links, the latest first, and their shingles on disk.

    Plain arrays and no lists of Python's: millions of rows may share a bucket with another.
    """

    def __init__(self, num_buckets: int, files: list[IO[bytes]]) -> None:
        self.rows = array("q")
        self._latest = array("i", [_END]) * num_buckets
        self._member, self._before = array("i"), array("i")
        self._files = files
        self._ends = [array("q", [0]) for _ in files]

    def add(self, row: int, texts: Sequence[NDArray[np.uint64]], buckets: Sequence[int]) -> None:
        """A row that stays, with its shingles in each column."""
        for bucket in buckets:
            self._member.append(len(self.rows))
            self._before.append(self._latest[bucket])
            self._latest[bucket] = len(self._member) - 1
        for file, ends, text in zip(self._files, self._ends, texts, strict=True):
            ends.append(ends[-1] + file.write(text.data))
        self.rows.append(row)

    def sharing(self, buckets: Sequence[int]) -> list[int]:
        """Numbers of the rows that stay and are in one of the buckets, ascending."""
        return sorted({member for bucket in buckets for member in self._members(bucket)})

    def texts(self, numbers: Sequence[int], column: int) -> list[NDArray[np.uint64]]:
        """Their shingles in one column."""
        file, ends = self._files[column], self._ends[column]
        contents = []
        for number in numbers:
            file.seek(ends[number])
            contents.append(np.frombuffer(file.read(ends[number + 1] - ends[number]), dtype=np.uint64))
        # Back to the end: the file is written to by the next row that stays.
        file.seek(0, 2)
        return contents

    def _members(self, bucket: int) -> Iterator[int]:
        link = self._latest[bucket]
        for _ in range(MOST_COMPARED):
            if link == _END:
                return
            yield self._member[link]
            link = self._before[link]


@contextmanager
def _staying(num_buckets: int, num_columns: int) -> Iterator[_Staying]:
    with ExitStack() as opened:
        # Without a buffer of Python, which would be thrown away at every jump from writing to reading.
        yield _Staying(num_buckets, [opened.enter_context(TemporaryFile(buffering=0)) for _ in range(num_columns)])


def _judged(
    part: pl.DataFrame,
    columns: Sequence[str],
    similarity: float,
    bands: BandFiles,
    staying: _Staying,
    starts: PartStarts,
) -> Findings:
    """What is found among a part's rows, all earlier rows having been judged; bands are read on."""
    each = [shingles(part[column], number) for number, column in enumerate(columns)]
    buckets = bands.next_buckets(int(_with_text(each).sum()))
    numbers = np.flatnonzero(_with_text(each))
    rows = part[ROW].to_list()
    matches: list[tuple[int, int, float]] = []
    # Most rows share no band with another, and are never compared.
    for place in np.flatnonzero((buckets != ALONE).any(axis=0)):
        own = [int(bucket) for bucket in buckets[:, place] if bucket != ALONE]
        number = int(numbers[place])
        texts = [one.of_text(number) for one in each]
        nearest = _nearest(texts, own, staying)
        # Bands only propose: the exact similarity decides.
        if nearest is not None and nearest[1] >= similarity:
            matches.append((rows[number], *nearest))
        if nearest is None or nearest[1] < similarity or rows[number] < starts.train:
            staying.add(rows[number], texts, own)
    return _findings(matches, columns, starts)


def _with_text(each: Sequence[Shingles]) -> NDArray[np.bool_]:
    """Which rows have any text, [N]."""
    return np.asarray(sum(one.counts for one in each) > 0)


def _nearest(
    texts: Sequence[NDArray[np.uint64]], buckets: Sequence[int], staying: _Staying
) -> tuple[int, float] | None:
    """The row that stays and is most like these texts, the earliest of several; and how like it is."""
    candidates = staying.sharing(buckets)
    if not candidates:
        return None
    alike = [jaccard(text, staying.texts(candidates, column)) for column, text in enumerate(texts)]
    least = np.minimum.reduce(alike)
    # argmax takes the first of equal ones, and candidates ascend.
    best = int(np.argmax(least))
    return staying.rows[candidates[best]], float(least[best])


def _findings(matches: Sequence[tuple[int, int, float]], columns: Sequence[str], starts: PartStarts) -> Findings:
    what = f"{columns[0]} is nearly the text" if len(columns) == 1 else f"{' and '.join(columns)} are nearly the texts"
    reasons = [f"{what} of {starts.name(other)} (similarity {alike:.2f})" for _, other, alike in matches]
    rows = pl.Series([row for row, _, _ in matches], dtype=pl.Int64)
    rules = [LEAK if starts.is_leak(row, other) else RULE for row, other, _ in matches]
    return findings_of(rows, rules, reasons, [alike for _, _, alike in matches])
