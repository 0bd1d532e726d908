"""Near duplicates of images: rows whose pictures are nearly those of an earlier row, by perceptual hash.

A picture's coarse form in 256 bits, of which few differ when it was only resized, compressed or made brighter.

This is pHash, the hash by discrete cosine transform of C. Zauner, Implementation and Benchmarking of Perceptual Image
Hash Functions (2010), section 3.2: 32 x 32 grey pixels, their low frequencies without the lowest, and whether each is
above the median. It has 16 x 16 frequencies here in place of 8 x 8. With 64 bits, 4,083 of the 10,000 test digits of
MNIST are within 4 bits of another; with 256, none within 18 bits, while a photograph that was resized, brightened by a
tenth or compressed by JPEG stays within 14, and mostly within 8. dHash (N. Krawetz, Kind of Like That, 2013), which
compares neighbours, fails for drawings on an even ground, where neighbours are equal: even with 256 bits, 991 of those
digits are within 4 bits of another.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.cleaning.findings import ALL_TRAIN, ROW, Findings, Parts, PartStarts, findings_of
from tasks.cleaning.near.hashes import Hashes, near_earlier
from tasks.columns.image import pixels
from tasks.columns.image.pixels import Frame

NUM_BITS = 256

_SIDE = 32
"""Pixels."""

_FREQUENCIES = 16

_ORDER = [place * 101 % NUM_BITS for place in range(NUM_BITS)]
"""Of the bits: neighbours are of frequencies far apart, so that any run of them tells pictures apart as well as others.

Sorted by frequency, the runs that `near_hashes` looks up are shared by up to ten times as many pictures.
"""

_CHUNK = 1_024
"""Pictures that are transformed at a time: 8 KiB of memory each."""


def image_hashes(values: pl.Series) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """Hashes of encoded images, [N, 4], and whether an image has one, [N]: blank or unreadable ones have no form."""
    # Unreadable images stay black, and so are blank: they have no hash.
    small = np.zeros((len(values), _SIDE, _SIDE), dtype=np.uint8)
    frame = Frame(_SIDE, _SIDE, channels=1)

    def put(number: int, content: bytes | None) -> None:
        drawn = pixels.read(content, frame)
        if drawn is not None:
            small[number] = drawn[0]

    pixels.for_each(values, put)
    # In chunks: as float64, 100,000 pictures at once would be 800 MB.
    chunks = [small[start : start + _CHUNK] for start in range(0, len(small), _CHUNK)]
    hashes = np.concatenate([np.zeros((0, NUM_BITS // 64), dtype=np.uint64), *map(hashes_of_pixels, chunks)])
    return hashes, small.min(axis=(1, 2)) != small.max(axis=(1, 2))


def hashes_of_pixels(small: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """[N, 4] of grey pixels [N, 32, 32]."""
    cosines = _cosines()
    coefficients = (cosines @ small.astype(np.float64) @ cosines.T).reshape(len(small), NUM_BITS)
    # The median and not zero: half of the bits are set in every picture, so that hashes differ as much as they can.
    bits = coefficients > np.median(coefficients, axis=1, keepdims=True)
    return np.packbits(bits.take(_ORDER, axis=1), axis=1).view(np.uint64)


@lru_cache(maxsize=1)
def _cosines() -> NDArray[np.float64]:
    """Rows 1 to 16 of the cosine transform (II), [16, 32], times 2^14 and rounded.

    With whole numbers all sums are exact (below 2^47), so that a hash does not depend on the order of summation.
    """
    frequency, place = np.arange(1, _FREQUENCIES + 1)[:, None], np.arange(_SIDE)[None]
    cosines: NDArray[np.float64] = np.round(2**14 * np.cos(np.pi / _SIDE * (place + 0.5) * frequency))
    return cosines


RULE = "near_duplicate_image"
LEAK = "leaked_image"
"""The rule for a row that is learnt from and near one that is judged on."""


def near_images(parts: Parts, columns: Sequence[str], distance: int, starts: PartStarts = ALL_TRAIN) -> Findings:
    """Rows whose images differ in at most `distance` of 256 bits from those of an earlier row, in every column.

    The earlier row stays, and only rows that stay are compared with: of a chain a ~ b ~ c, c stays where it is not
    near a; but rows that are judged on stay in any case. Rows with a blank image, or one that cannot be read, are
    not judged: they have no form to compare. The score is the share of bits that agree, in the column where it is
    least. Memory: a part, and 120 bytes a row and column.
    """
    each = [_hashed(part, columns) for part in parts()]
    rows = pl.concat([pl.Series([], dtype=pl.Int64), *(numbers for numbers, _ in each)])
    hashes = np.concatenate([np.zeros((0, len(columns), NUM_BITS // 64), dtype=np.uint64), *(own for _, own in each)])
    # The parts are held twice otherwise.
    del each
    near = near_earlier(hashes, distance, int((rows < starts.train).sum()))
    what = _what(columns)
    judged, others = rows.gather(near.rows), rows.gather(near.others)
    reasons = [
        f"{what} of {starts.name(other)} ({bits} of {NUM_BITS} bits differ)"
        for other, bits in zip(others, near.bits, strict=True)
    ]
    rules = [LEAK if starts.is_leak(row, other) else RULE for row, other in zip(judged, others, strict=True)]
    return findings_of(judged, rules, reasons, pl.Series(1 - near.bits / NUM_BITS))


def _hashed(part: pl.DataFrame, columns: Sequence[str]) -> tuple[pl.Series, Hashes]:
    """Numbers and hashes [N, columns, 4] of the rows whose images all have one."""
    each = [image_hashes(part[column]) for column in columns]
    # A row without an image in one of the columns cannot be near in every column.
    judged = np.all([has_one for _, has_one in each], axis=0)
    hashes = np.stack([hashes for hashes, _ in each], axis=1)[judged]
    return part[ROW].cast(pl.Int64).filter(pl.Series(judged, dtype=pl.Boolean)), hashes


def _what(columns: Sequence[str]) -> str:
    if len(columns) == 1:
        return f"{columns[0]} is nearly the image"
    return f"{' and '.join(columns)} are nearly the images"
