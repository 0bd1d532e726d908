"""Near duplicates of images: rows whose pictures are nearly those of an earlier row, by perceptual hash."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from tasks.cleaning.found import ROW, Found, Parts, found_rows
from tasks.cleaning.near.hashes import Hashes, near_earlier
from tasks.cleaning.near.image_hash import NUM_BITS, image_hashes

RULE = "near_duplicate_image"


def near_images(parts: Parts, columns: Sequence[str], distance: int) -> Found:
    """Rows whose images differ in at most `distance` of 256 bits from those of an earlier row, in every column.

    The earlier row stays, and only rows that stay are compared with: of a chain a ~ b ~ c, c stays where it is not near
    a. Rows with a blank image, or one that cannot be read, are not judged: they have no form to compare. The score is
    the share of bits that agree, in the column where it is least. Memory: a part, and 120 bytes a row and column.
    """
    each = [_hashed(part, columns) for part in parts()]
    rows = pl.concat([pl.Series([], dtype=pl.Int64), *(numbers for numbers, _ in each)])
    hashes = np.concatenate([np.zeros((0, len(columns), NUM_BITS // 64), dtype=np.uint64), *(own for _, own in each)])
    del each
    near = near_earlier(hashes, distance)
    what = _what(columns)
    others = rows.gather(near.others)
    reasons = [
        f"{what} of row {other} ({bits} of {NUM_BITS} bits differ)"
        for other, bits in zip(others, near.bits, strict=True)
    ]
    return found_rows(rows.gather(near.rows), RULE, reasons, pl.Series(1 - near.bits / NUM_BITS))


def _hashed(part: pl.DataFrame, columns: Sequence[str]) -> tuple[pl.Series, Hashes]:
    """Numbers and hashes [N, columns, 4] of the rows whose images all have one."""
    each = [image_hashes(part[column]) for column in columns]
    judged = np.all([has_one for _, has_one in each], axis=0)
    hashes = np.stack([hashes for hashes, _ in each], axis=1)[judged]
    return part[ROW].cast(pl.Int64).filter(pl.Series(judged, dtype=pl.Boolean)), hashes


def _what(columns: Sequence[str]) -> str:
    if len(columns) == 1:
        return f"{columns[0]} is nearly the image"
    return f"{' and '.join(columns)} are nearly the images"
