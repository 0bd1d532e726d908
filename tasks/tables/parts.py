"""Rows cut into parts anew: so many rows to a part, and no more than fit into memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.tables.name_cuts import BYTES_PER_PART


def regroup(
    parts: Iterable[pl.DataFrame], rows_per_part: int, bytes_per_part: int = BYTES_PER_PART
) -> Iterator[pl.DataFrame]:
    """The same rows in the same order, cut anew: a part is full with so many rows, or before a row that is too much.

    Where parts end depends on the rows alone, and not on how they came. Only a single row may have more bytes.
    """
    pending: list[pl.DataFrame] = []
    num_rows = num_bytes = 0
    for part in parts:
        sizes = _sizes(part)
        rest = part
        while rest.height:
            count = _fitting(sizes, rows_per_part - num_rows, bytes_per_part - num_bytes)
            # A single row that is too large is a part by itself: it cannot be cut.
            if not (count or num_rows):
                count = 1
            pending.append(rest.head(count))
            num_rows, num_bytes = num_rows + count, num_bytes + int(sizes[:count].sum())
            rest, sizes = rest.slice(count), sizes[count:]
            # Rows that are left did not fit: the part is full by its bytes, or by its rows.
            if rest.height or num_rows == rows_per_part:
                yield pl.concat(pending)
                pending, num_rows, num_bytes = [], 0, 0
    if num_rows:
        yield pl.concat(pending)


def _fitting(sizes: NDArray[np.int64], room: int, space: int) -> int:
    """How many of the next rows fit, by their number and their bytes."""
    sizes = sizes[:room]
    return len(sizes) if sizes.sum() <= space else int(np.searchsorted(np.cumsum(sizes), space, side="right"))


def _sizes(part: pl.DataFrame) -> NDArray[np.int64]:
    """The bytes of text and the like in each row."""
    sizes = np.zeros(part.height, dtype=np.int64)
    for values in part:
        # Numbers and times take eight bytes each: rows_per_part bounds those.
        if values.dtype == pl.String:
            sizes += values.str.len_bytes().fill_null(0).to_numpy()
        elif values.dtype == pl.Binary:
            sizes += values.bin.size().fill_null(0).to_numpy().astype(np.int64)
    return sizes
