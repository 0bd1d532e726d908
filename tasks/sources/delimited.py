"""Rows in a delimited text file: CSV, TSV and their kin. All cells are text, exactly as they stand."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.errors import UserError
from tasks.params import TableSource
from tasks.sources.dialect import Dialect, find_dialect, has_header, read_rows
from tasks.sources.text import Text, open_text

if TYPE_CHECKING:
    import polars as pl

_BATCH = 16_384
_TABBED = (".tsv", ".tab")


@dataclass(frozen=True, kw_only=True)
class DelimitedFile:
    """A delimited text file with its dialect found out. `columns` are as the header, or the user, names them."""

    text: Text
    dialect: Dialect
    header: bool
    columns: tuple[str, ...]

    @property
    def shown(self) -> str:
        return self.text.shown

    def frames(self) -> Iterator[pl.DataFrame]:
        """The rows in batches. Raises UserError at a row with too few or too many cells."""
        import polars as pl

        schema = dict.fromkeys(self.columns, pl.String)
        rows = self._rows()
        while batch := list(itertools.islice(rows, _BATCH)):
            yield pl.DataFrame(list(zip(*batch, strict=True)), schema=schema, orient="col")

    def _rows(self) -> Iterator[list[str]]:
        width = len(self.columns)
        for line, cells in itertools.islice(read_rows(self.text, self.dialect), int(self.header), None):
            if len(cells) != width:
                raise UserError(
                    f"{self.text.shown}:{line}: {_cells(len(cells))}, where the first row has {width}; mend that line, "
                    "or give ingest.source.separator and ingest.source.quoting if they were not found out rightly"
                )
            yield cells


def open_delimited(file: Path, shown: str, config: TableSource, like: DelimitedFile | None) -> DelimitedFile:
    """Finds out how the file is written; separator and header are those of `like`, the first file, if there is one.

    Raises UserError when the file holds nothing, its names do not fit or are given twice, or it cannot be decoded.
    """
    text = open_text(file, shown, config.encoding)
    tab = "\t" if file.suffix.lower() in _TABBED else None
    dialect = find_dialect(text, config, like.dialect.separator if like else tab)
    first = next((cells for _, cells in read_rows(text, dialect)), None)
    if first is None:
        raise UserError(f"{shown}: the file is empty; put the data there, or correct ingest.source")
    header = like.header if like else has_header(text, dialect, config)
    columns = _column_names(first, header, config, shown)
    return DelimitedFile(text=text, dialect=dialect, header=header, columns=columns)


def _column_names(first: list[str], header: bool, config: TableSource, shown: str) -> tuple[str, ...]:
    """A column without a name is called by its place."""
    if config.names is not None:
        if len(config.names) != len(first):
            raise UserError(
                f"{shown}: ingest.source.names has {len(config.names)} names, the file has {len(first)} columns; "
                "give a name for each column, in order"
            )
        return config.names
    found = [cell.strip() for cell in first] if header else [""] * len(first)
    return tuple(name or f"column_{place}" for place, name in enumerate(found, 1))


def _cells(count: int) -> str:
    return f"{count} cell" if count == 1 else f"{count} cells"
