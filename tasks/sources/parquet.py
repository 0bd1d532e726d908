"""Rows in a Parquet file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.errors import UserError

if TYPE_CHECKING:
    import polars as pl

_BATCH = 16_384


@dataclass(frozen=True, kw_only=True)
class ParquetFile:
    """A Parquet file with its columns' names."""

    shown: str
    file: Path
    columns: tuple[str, ...]

    def frames(self) -> Iterator[pl.DataFrame]:
        """The rows in batches; whatever is neither a number nor bytes as text."""
        import polars as pl

        with _damage(self.shown):
            rows = pl.scan_parquet(self.file, glob=False, hive_partitioning=False)
            for frame in rows.collect_batches(chunk_size=_BATCH, lazy=True):
                yield frame.select(_plain(column, self.shown) for column in frame)


def open_parquet(file: Path, shown: str) -> ParquetFile:
    """Reads the footer. Raises UserError when the file is damaged or cut off."""
    import polars as pl

    if file.stat().st_size == 0:
        raise UserError(f"{shown}: the file is empty; put the data there, or correct ingest.source")
    with _damage(shown):
        return ParquetFile(shown=shown, file=file, columns=tuple(pl.read_parquet_schema(file)))


@contextmanager
def _damage(shown: str) -> Iterator[None]:
    import polars as pl

    try:
        yield
    except (pl.exceptions.ComputeError, pl.exceptions.SchemaError, pl.exceptions.DuplicateError) as error:
        raise UserError(f"{shown}: no Parquet file, or a damaged one ({error}); copy or write it anew") from error


def _plain(values: pl.Series, shown: str) -> pl.Series:
    """Numbers, bytes and text as they are, a number's NaN as missing; truth values, dates and so on as text."""
    import polars as pl

    if values.dtype.is_nested() or values.dtype == pl.Object:
        raise UserError(
            f"{shown}: column {values.name} holds values of type {values.dtype}, which are no single cells; "
            "unpack them into columns of their own"
        )
    if values.dtype.is_float():
        return values.fill_nan(None)
    if values.dtype.is_decimal():
        return values.cast(pl.Float64)
    if values.dtype.is_numeric() or values.dtype in (pl.Binary, pl.String):
        return values
    return values.cast(pl.String)
