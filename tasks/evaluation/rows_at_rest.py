"""Rows of a table by their numbers, read where they lie: a part in memory at a time, however many there are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.tables import storage


def rows_at(folder: Path, numbers: NDArray[np.int64], columns: Sequence[str] | None = None) -> pl.DataFrame:
    """The rows of these numbers [N], ascending, in this order; of parts without any nothing but the footer is read."""
    files = storage.part_files(folder)
    starts = np.cumsum([0, *map(storage.count_part, files)])
    frames: list[pl.DataFrame] = []
    for file, start, end in zip(files, starts, starts[1:], strict=False):
        own = numbers[(numbers >= start) & (numbers < end)] - start
        if len(own) or not frames:
            frames.append(storage.read_part(file, columns)[own.tolist()])
    return pl.concat(frames)


def drawn_rows(num_rows: int, most: int, seed: int = 0) -> NDArray[np.int64]:
    """The numbers of at most so many of all rows, ascending, the same ones every time."""
    if num_rows <= most:
        return np.arange(num_rows)
    return np.sort(np.random.default_rng(seed).choice(num_rows, most, replace=False))
