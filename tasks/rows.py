"""A row's identity: a hash of its values, the same on every machine and for ever."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

_DIGITS = 13
"""Hexadecimal digits that become a number in [0, 1): 52 bits, what a float64 holds exactly."""


def row_hashes(rows: pl.DataFrame, columns: Sequence[str], salt: str = "") -> pl.Series:
    """MD5 of each row's values in the given columns, as 32 hexadecimal digits; the columns' order does not matter.

    MD5 because its definition never changes and DuckDB computes it in bulk; nothing here needs to resist an attack.
    """
    import duckdb

    cells = ", ".join(_cell(name, rows.schema[name]) for name in sorted(columns))
    # A view by name, not a replacement scan: the scan would look through Python frames for a variable.
    with duckdb.connect(":memory:") as connection:
        connection.register("rows", rows.select(sorted(columns)).to_arrow())
        query = f"SELECT md5(concat_ws('|', $salt{', ' if cells else ''}{cells})) AS hash FROM rows"
        hashes = connection.execute(query, {"salt": salt}).fetchnumpy()["hash"]
    return pl.Series("hash", hashes, dtype=pl.String)


def unit_interval(hashes: pl.Series) -> pl.Series:
    """Hashes as numbers in [0, 1)."""
    whole = hashes.str.slice(0, _DIGITS).str.to_integer(base=16, dtype=pl.Int64)
    positions: pl.Series = whole / 16**_DIGITS
    return positions.alias("position")


def _cell(name: str, dtype: pl.DataType) -> str:
    """SQL for one cell as text without ambiguity: strings and bytes by their own hash, a missing value as a dash."""
    quoted = '"' + name.replace('"', '""') + '"'
    if dtype in (pl.String, pl.Binary):
        return f"coalesce(md5({quoted}), '-')"
    return f"coalesce({quoted}::VARCHAR, '-')"
