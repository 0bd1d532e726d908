"""Rows in a Parquet or an Arrow file: columns with types of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from tasks.errors import UserError
from tasks.sources.packed import Entry, extracted
from tasks.tables.origins import numbered

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

_BATCH, _BATCH_OF_BYTES = 16_384, 256
"""Rows at a time; fewer of images and the like, which are large."""

_NAMES = {"parquet": "Parquet", "arrow": "Arrow"}


@dataclass(frozen=True, kw_only=True)
class TypedFile:
    """A Parquet or Arrow file with its columns' names."""

    entry: Entry
    format: Literal["parquet", "arrow"]
    columns: tuple[str, ...]
    header: ClassVar[bool] = True
    in_lines: ClassVar[bool] = False

    @property
    def shown(self) -> str:
        return self.entry.shown

    def frames(self) -> Iterator[pl.DataFrame]:
        """The rows in batches; whatever is neither number, truth value, time nor bytes as text."""
        import polars as pl

        # Damage shows where it lies, so also in the midst of the rows.
        with _damage(self.shown, self.format), extracted(self.entry) as file:
            rows = _scan(file, self.format)
            size = _BATCH_OF_BYTES if pl.Binary in rows.collect_schema().dtypes() else _BATCH
            for frame in rows.collect_batches(chunk_size=size, lazy=True):
                yield frame.select(_plain(column, self.shown) for column in frame)

    def numbered_frames(self) -> Iterator[tuple[pl.DataFrame, NDArray[np.int64]]]:
        """`frames`, each with the numbers of its rows."""
        return numbered(self.frames())


def open_typed(entry: Entry, form: Literal["parquet", "arrow"]) -> TypedFile:
    """Reads the schema. Raises UserError when the file is damaged or cut off."""
    with entry.open() as handle:
        if not handle.read(1):
            raise UserError(f"{entry.shown}: the file is empty; put the data there, or correct ingest.source")
    # The schema stands at the end, so an entry of an archive is unpacked for it.
    with _damage(entry.shown, form), extracted(entry) as file:
        return TypedFile(entry=entry, format=form, columns=tuple(_scan(file, form).collect_schema()))


def _scan(file: Path, form: Literal["parquet", "arrow"]) -> pl.LazyFrame:
    import polars as pl

    if form == "parquet":
        # A path may hold brackets or `a=b`, which polars would take for a pattern and a column.
        return pl.scan_parquet(file, glob=False, hive_partitioning=False)
    return pl.scan_ipc(file, glob=False, hive_partitioning=False)


@contextmanager
def _damage(shown: str, form: str) -> Iterator[None]:
    import polars as pl

    try:
        yield
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        # Any of them: what damaged bytes seem to say, polars may take for a wrong operation, or panic about.
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"{shown}: no {_NAMES[form]} file, or a damaged one ({reason}); copy or write it anew"
        ) from error


def _plain(values: pl.Series, shown: str) -> pl.Series:
    """Numbers, truth values, times, bytes and text as they are, NaN as missing; durations and the like as text."""
    import polars as pl

    if values.dtype.is_nested() or values.dtype == pl.Object:
        raise UserError(
            f"{shown}: column {values.name} holds values of type {values.dtype}, which are no single cells; "
            "unpack them into columns of their own"
        )
    if values.dtype.is_float():
        return values.fill_nan(None)
    # Numbers are float64 here; exact decimals would need a type of their own in every column's code. Whole ones may be
    # identifiers, whose digits count.
    if isinstance(values.dtype, pl.Decimal):
        return values.cast(pl.Float64 if values.dtype.scale else pl.Int128)
    if values.dtype.is_numeric() or values.dtype in (pl.Binary, pl.String, pl.Boolean, pl.Date, pl.Datetime):
        return values
    return values.cast(pl.String)
