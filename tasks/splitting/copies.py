"""Rows of one key that are events of their own, told apart by how many of them came before."""

from __future__ import annotations

import polars as pl

from tasks.tables.row_hashes import GOLDEN_RATIO, mixed


class Copies:
    """Gives the n-th row of a key a hash of its own: more rows of it, or of others, change none of those before it.

    Rows come part by part, in order. Holds 16 bytes for each different key.
    """

    def __init__(self) -> None:
        self._counts = pl.DataFrame(schema={"hash": pl.UInt64, "before": pl.UInt64})

    def told_apart(self, hashes: pl.Series) -> pl.Series:
        """64 bits for each row, [N]: the first of a key keeps those of the key."""
        rows = hashes.alias("hash").to_frame()
        own = rows.select(pl.int_range(pl.len(), dtype=pl.UInt64).over("hash")).to_series()
        before = rows.join(self._counts, on="hash", how="left", maintain_order="left")["before"].fill_null(0)
        self._add(rows)
        number = (own + before).to_numpy()
        return hashes.zip_with(pl.Series(number == 0), pl.Series(mixed(hashes.to_numpy() + number * GOLDEN_RATIO)))

    def _add(self, rows: pl.DataFrame) -> None:
        new = rows.group_by("hash").agg(pl.len().cast(pl.UInt64).alias("before"))
        self._counts = pl.concat([self._counts, new]).group_by("hash").agg(pl.col("before").sum())
