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
        self._column, self._only = column, only
        self._rows = self._read(folder) if folder else iter(())
        self._wanted = self._name = ""
        self._content = b""
        self._has_ended = False

    def content(self, name: str) -> bytes | None:
        """Of the file of that name; None when it is not in the table."""
        self._wanted = name
        while not self._has_ended and self._name < name:
            following = next(self._rows, None)
            self._has_ended = following is None
            self._name, self._content = following or ("", b"")
        return self._content if self._name == name else None

    def _read(self, folder: Path) -> Iterator[tuple[str, bytes]]:
        from polars.exceptions import PolarsError

        try:
            for file in sorted(folder.glob("part-*.parquet")):
                for group in self._row_groups(file):
                    for start in range(0, group.height, _MOST_HELD):
                        cut = group.slice(start, _MOST_HELD)
                        yield from zip(cut[FILE].to_list(), cut[self._column].to_list(), strict=True)
        # Damaged, gone meanwhile, or with other columns: there are the files themselves.
        except (PolarsError, OSError):
            return

    def _row_groups(self, file: Path) -> Iterator[pl.DataFrame]:
        """The rows that are meant and still wanted, as they were written: one piece at a time is unpacked."""
        import polars as pl

        from tasks.tables.storage import ROW_GROUP

        rows = pl.scan_parquet(file)
        is_meant = pl.col(self._only[0]) == self._only[1] if self._only else pl.lit(value=True)
        names = rows.select(pl.when(is_meant).then(pl.col(FILE).cast(pl.String))).collect().to_series()
        # From where a row group begins, so that none is unpacked twice.
        for start in range(0, len(names), ROW_GROUP):
            meant = names.slice(start, ROW_GROUP).is_not_null().arg_true()
            # Next to always one file has changed, and its part alone is asked for.
            if meant.is_empty() or names[start + meant[-1]] < self._wanted:
                continue
            # Those that are meant lie side by side.
            first, end = start + meant[0], start + meant[-1] + 1
            cells = rows.slice(first, end - first).select(
                pl.col(FILE).cast(pl.String), pl.col(self._column).cast(pl.Binary)
            )
            yield cells.drop_nulls().collect()
