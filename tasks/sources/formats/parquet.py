"""Rows in a Parquet or an Arrow file: columns with types of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from tasks.errors import UserError
from tasks.sources.formats.names import named_by_place
from tasks.sources.packed import Entry, extracted
from tasks.sources.unpacking import bomb, most_unpacked
from tasks.tables.origins import numbered

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

_BATCH, _BATCH_OF_BYTES = 16_384, 256
"""Rows at a time; fewer of images and the like, which are large."""

_TICKS = {"ms": 1e3, "us": 1e6, "ns": 1e9}
"""Of a duration in a second."""

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
            limit = most_unpacked(file.stat().st_size, self.entry.max_unpacked_mib)
            for frame in rows.collect_batches(chunk_size=size, lazy=True):
                # Of words that repeat the file holds one, and a row's number is a byte or less.
                if sum(map(_num_text_bytes, frame)) > limit:
                    raise bomb(self.shown, limit)
                frame.columns = list(self.columns)
                yield frame.select(_plain(column, self.shown) for column in frame)

    def numbered_frames(self) -> Iterator[tuple[pl.DataFrame, NDArray[np.int64]]]:
        """`frames`, each with the numbers of its rows."""
        return numbered(self.frames())


def open_typed(entry: Entry, form: Literal["parquet", "arrow"]) -> TypedFile:
    """Reads the schema. Raises UserError when the file is damaged or cut off."""
    with entry.open() as handle:
        if not handle.read(1):
            raise UserError(f"{entry.shown}: the file is empty; put the data there, or name another file")
    # The schema stands at the end, so an entry of an archive is unpacked for it.
    with _damage(entry.shown, form), extracted(entry) as file:
        if form == "parquet":
            _check_unpacked_size(file, entry)
        _check_decimals(file, entry.shown, form)
        return TypedFile(entry=entry, format=form, columns=named_by_place(_scan(file, form).collect_schema()))


def _scan(file: Path, form: Literal["parquet", "arrow"]) -> pl.LazyFrame:
    import polars as pl

    if form == "parquet":
        # A path may hold brackets or `a=b`, which polars would take for a pattern and a column.
        return pl.scan_parquet(file, glob=False, hive_partitioning=False)
    return pl.scan_ipc(file, glob=False, hive_partitioning=False)


def _check_unpacked_size(file: Path, entry: Entry) -> None:
    """By what the file says of its pieces, each of which is read as a whole."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    limit = most_unpacked(file.stat().st_size, entry.max_unpacked_mib)
    try:
        about = pq.read_metadata(file)
    # What is damaged polars says.
    except (pa.ArrowException, OSError):
        return
    if any(about.row_group(number).total_byte_size > limit for number in range(about.num_row_groups)):
        raise bomb(entry.shown, limit)


def _num_text_bytes(values: pl.Series) -> int:
    """Bytes that a column of words takes as text; 0 of other columns."""
    import polars as pl

    if values.dtype == pl.String:
        return int(values.str.len_bytes().sum())
    if values.dtype not in (pl.Categorical, pl.Enum):
        return 0
    # As text each row would have a copy, which is what must not be made.
    words = values.drop_nulls().unique()
    lengths = words.cast(pl.String).str.len_bytes()
    return int(values.to_physical().replace_strict(words.to_physical(), lengths, default=0).sum())


def _check_decimals(file: Path, shown: str, form: Literal["parquet", "arrow"]) -> None:
    """polars refuses the whole file for a column of more digits than it has, and does not say which."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(file) if form == "parquet" else pa.ipc.open_file(file).schema
    # What is damaged polars says as well as what it is.
    except (pa.ArrowException, OSError):
        return
    if wide := next((column for column in schema if pa.types.is_decimal256(column.type)), None):
        raise UserError(
            f"{shown}: column {wide.name} holds values of type {wide.type}, and more than 38 digits cannot be read; "
            "write them as text, or as decimals of fewer digits"
        )


@contextmanager
def _damage(shown: str, form: str) -> Iterator[None]:
    import polars as pl

    try:
        yield
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        # Any of them: what damaged bytes seem to say, polars may take for a wrong operation, or panic about.
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"{shown}: no {_NAMES[form]} file, or a damaged one, or one with a column of a type that is not known "
            f"({reason}); copy it anew, or write it with columns of plain numbers, text and times"
        ) from error


def _plain(values: pl.Series, shown: str) -> pl.Series:
    """The column as a table's may be. Raises UserError that names it when it may not."""
    import polars as pl

    if values.dtype.is_nested() or values.dtype == pl.Object:
        raise UserError(
            f"{shown}: column {values.name} holds values of type {values.dtype}, which are no single cells; "
            "unpack them into columns of their own"
        )
    try:
        return _cells(values)
    except pl.exceptions.InvalidOperationError as error:
        raise UserError(
            f"{shown}: column {values.name} holds values of type {values.dtype}, which cannot be read "
            f"({str(error).splitlines()[0]}); write them as numbers or as text"
        ) from error


def _cells(values: pl.Series) -> pl.Series:
    """Numbers, truth values, times, bytes and text as they are, NaN as missing; durations in seconds; else text."""
    import polars as pl

    match values.dtype:
        case pl.Float16():
            return values.cast(pl.Float64).fill_nan(None)
        case kind if kind.is_float():
            return values.fill_nan(None)
        # Numbers are float64 here; exact decimals would need a type of their own in every column's code. Whole ones may
        # be identifiers, whose digits count.
        case pl.Decimal() as kind:
            return values.cast(pl.Float64 if kind.scale else pl.Int128)
        case pl.Duration() as kind:
            # By numpy: polars multiplies by 1/1000, which moves the last digit.
            seconds = values.cast(pl.Int64).cast(pl.Float64).to_numpy() / _TICKS[kind.time_unit]
            return pl.Series(values.name, seconds).fill_nan(None)
        # As text it would lose the fractions of its seconds.
        case pl.Time():
            return values.dt.to_string("%H:%M:%S%.f")
        case kind if kind.is_numeric() or kind in (pl.Binary, pl.String, pl.Boolean, pl.Date, pl.Datetime):
            return values
        case _:
            return values.cast(pl.String)
