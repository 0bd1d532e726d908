"""Tables at rest: all reading and writing of them.

A table is a folder of Parquet parts (`part-00000.parquet` ...). The same rows give the same bytes.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tasks import files
from tasks.errors import UserError
from tasks.files import again
from tasks.tables.origins import PartOrigins, copy_origins, read_origins, write_origins

if TYPE_CHECKING:
    import polars as pl

ROW_GROUP = 16_384
"""Rows in a Parquet row group: a few MiB of a twenty-column table, which a CPU's cache holds."""

_LEVEL = 1
"""zstd's fastest: writing takes a quarter less time than at its usual level, and row groups as small as these are as
large."""


class TableWriter:
    """Appends parts to a table that is being written aside."""

    def __init__(self, folder: Path) -> None:
        self.num_rows = 0
        self._folder = folder
        self._num_parts = 0
        self._empty: pl.DataFrame | None = None

    def append(self, part: pl.DataFrame, origins: PartOrigins | None = None) -> None:
        """Writes one part, and beside it where its rows come from; an empty one only counts when there is no other."""
        # A part without rows would be a file that every reader opens for nothing.
        if part.is_empty():
            self._empty = part
            return
        file = self._write(part)
        if origins is not None:
            write_origins(file, origins)
        self.num_rows += part.height

    def copy(self, file: Path, num_rows: int) -> None:
        """Takes over a part that another table has already, of which nothing has changed."""
        # An empty part must not be copied: `append` decides when one counts.
        assert num_rows
        shutil.copyfile(file, self._next_file())
        self.num_rows += num_rows

    def take_over(self, file: Path, num_rows: int, origins: PartOrigins) -> None:
        """The same of a part of the table that this one replaces: the very file, which DVC has hashed already."""
        place = self._next_file()
        try:
            place.hardlink_to(file)
        # Not every disk has links.
        except OSError:
            shutil.copyfile(file, place)
        write_origins(place, origins)
        self.num_rows += num_rows

    def close(self) -> None:
        """Gives a table without rows its columns, in one empty part."""
        if self._num_parts == 0 and self._empty is not None:
            self._write(self._empty)

    def _write(self, part: pl.DataFrame) -> Path:
        file = self._next_file()
        part.write_parquet(
            file,
            compression="zstd",
            compression_level=_LEVEL,
            row_group_size=ROW_GROUP,
            statistics=True,
        )
        return file

    def _next_file(self) -> Path:
        self._num_parts += 1
        # Five digits, so that parts sort by name in their order.
        return self._folder / f"part-{self._num_parts - 1:05d}.parquet"


@contextmanager
def table_writer(folder: Path) -> Iterator[TableWriter]:
    """A table to append parts to; it is there as a whole when the block ends, and not at all if the block fails."""
    from polars.exceptions import PolarsError

    with files.aside(folder) as draft:
        draft.mkdir()
        writer = TableWriter(draft)
        try:
            yield writer
            writer.close()
        except PolarsError as error:
            # polars wraps some of the system's errors; the number is lost, the text is not.
            if os.strerror(errno.ENOSPC) in str(error):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
            raise


def write_parts(folder: Path, parts: Iterable[pl.DataFrame]) -> int:
    """Writes a table, a Parquet file for each part that has rows. Returns the rows."""
    with table_writer(folder) as writer:
        for part in parts:
            writer.append(part)
    return writer.num_rows


def part_files(folder: Path) -> list[Path]:
    """The table's parts in order."""
    # A glob answers in the order of the file system.
    files = sorted(folder.glob("part-*.parquet"))
    if not files:
        raise UserError(f"{folder}: there is no table here; run the stage that makes it{again(folder)}")
    return files


def read_parts(folder: Path, columns: Sequence[str] | None = None) -> Iterator[pl.DataFrame]:
    """The table's parts in order, one in memory at a time; all columns, or those that are named."""
    for file in part_files(folder):
        yield read_part(file, columns)


def read_whole_rows(folder: Path) -> Iterator[pl.DataFrame]:
    """The table's parts without the rows that have a cell which could not be read."""
    import polars as pl

    for file in part_files(folder):
        part, origins = read_part(file), read_origins(file)
        unread = {cell.row for cell in origins.unread} if origins else set()
        yield part.filter(~pl.int_range(pl.len()).is_in(list(unread))) if unread else part


def read_part(file: Path, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """One part; all columns, or those that are named."""
    import polars as pl

    with _damage_named(file):
        return pl.read_parquet(file, columns=list(columns) if columns is not None else None)


def column_names(folder: Path) -> list[str]:
    """The table's columns, from the first part's footer."""
    import polars as pl

    first = part_files(folder)[0]
    # Every part has the same columns.
    with _damage_named(first):
        return list(pl.read_parquet_schema(first))


def read_table(folder: Path) -> pl.DataFrame:
    """The whole table in memory: only for a trainer that says it needs that."""
    import polars as pl

    return pl.concat(read_parts(folder))


def count_rows(folder: Path) -> int:
    """The table's rows, from the files' footers."""
    return sum(map(count_part, part_files(folder)))


def count_part(file: Path) -> int:
    """One part's rows, from the file's footer."""
    import polars as pl

    with _damage_named(file):
        return int(pl.scan_parquet(file).select(pl.len()).collect().item())


def copy_table(source: Path, target: Path) -> int:
    """Copies a table file by file. Returns its rows."""
    with files.aside(target) as draft:
        draft.mkdir()
        for file in part_files(source):
            # Copied and not linked: a stage owns its outputs, which DVC may replace by links into its cache.
            shutil.copyfile(file, draft / file.name)
    return count_rows(target)


def join_tables(sources: Mapping[str, Path], target: Path) -> None:
    """The parts of several tables as one table, in order; of tables without rows only when none has any.

    `sources` are by the file that each came from, as it is called now.
    """
    with_rows = [(name, source) for name, source in sources.items() if count_rows(source)]
    with files.aside(target) as draft:
        draft.mkdir()
        # A table without rows is one empty part, which is only needed when there is nothing else.
        chosen = with_rows or list(sources.items())[:1]
        parts = [(name, file) for name, source in chosen for file in part_files(source)]
        for number, (name, file) in enumerate(parts):
            copied = draft / f"part-{number:05d}.parquet"
            shutil.copyfile(file, copied)
            copy_origins(file, copied, name)


def read_csv(path: Path) -> pl.DataFrame:
    """A small CSV file that a stage wrote. Raises UserError when it is missing or damaged."""
    import polars as pl

    try:
        with _damage_named(path):
            return pl.read_csv(path)
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file; run the stage that makes it{again(path)}") from None


@contextmanager
def _damage_named(file: Path) -> Iterator[None]:
    """Says that a file which a stage wrote cannot be read any more."""
    from polars.exceptions import PolarsError

    try:
        yield
    except PolarsError as error:
        raise UserError(
            f"{file}: damaged ({error}); remove it and run the stage that makes it again{again(file)}"
        ) from None
