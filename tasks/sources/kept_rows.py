"""The contents of files in the table that they went into: read in their order, a few thousand at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.sources.labels import FILE

if TYPE_CHECKING:
    import polars as pl

_MOST_HELD = 1_024
"""Contents that are held as Python's own bytes, beside the row group that they are of."""


class KeptRows:
    """Contents by the files' names, which are asked for in the order in which the table has them: sorted.

    A table that is not there, cannot be read any more, or is sorted otherwise keeps nothing from there on: whoever asks
    reads the file itself.
    """

    def __init__(self, folder: Path | None, column: str, only: tuple[str, str] | None = None) -> None:
        """`column` holds the contents; `only` is a column and the value that it has in the rows that are meant."""
        self._rows = _rows(folder, column, only) if folder else iter(())
        self._name, self._content = "", b""
        self._has_ended = False

    def content(self, name: str) -> bytes | None:
        """Of the file of that name; None when it is not in the table."""
        while not self._has_ended and self._name < name:
            following = next(self._rows, None)
            self._has_ended = following is None
            self._name, self._content = following or ("", b"")
        return self._content if self._name == name else None


def _rows(folder: Path, column: str, only: tuple[str, str] | None) -> Iterator[tuple[str, bytes]]:
    from polars.exceptions import PolarsError

    try:
        for file in sorted(folder.glob("part-*.parquet")):
            for group in _row_groups(file, column, only):
                for start in range(0, group.height, _MOST_HELD):
                    cut = group.slice(start, _MOST_HELD)
                    yield from zip(cut[FILE].to_list(), cut[column].to_list(), strict=True)
    # Damaged, gone meanwhile, or with other columns: there are the files themselves.
    except (PolarsError, OSError):
        return


def _row_groups(file: Path, column: str, only: tuple[str, str] | None) -> Iterator[pl.DataFrame]:
    """The rows that are meant, as they were written: one piece at a time is unpacked."""
    import polars as pl

    from tasks.tables.storage import ROW_GROUP

    rows = pl.scan_parquet(file)
    first, end = 0, rows.select(pl.len()).collect().item()
    if only:
        is_meant = rows.select(pl.col(only[0]) == only[1]).collect().to_series()
        if not is_meant.any():
            return
        # Those of a group lie side by side.
        places = is_meant.arg_true()
        first, end = places[0], places[-1] + 1
    # From where a row group begins, so that none is unpacked twice.
    for start in range(first - first % ROW_GROUP, end, ROW_GROUP):
        begin, stop = max(start, first), min(start + ROW_GROUP, end)
        cells = rows.slice(begin, stop - begin).select(pl.col(FILE).cast(pl.String), pl.col(column).cast(pl.Binary))
        yield cells.drop_nulls().collect()
