"""Rows cut into parts anew."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import polars as pl


def regroup(parts: Iterable[pl.DataFrame], rows_per_part: int) -> Iterator[pl.DataFrame]:
    """The same rows in the same order, cut anew: each part but the last has `rows_per_part` rows."""
    pending: list[pl.DataFrame] = []
    for part in parts:
        pending.append(part)
        if sum(frame.height for frame in pending) < rows_per_part:
            continue
        table = pl.concat(pending)
        full = table.height - table.height % rows_per_part
        yield from (table.slice(start, rows_per_part) for start in range(0, full, rows_per_part))
        pending = [table.slice(full)]
    rest = [frame for frame in pending if frame.height]
    if rest:
        yield pl.concat(rest)
