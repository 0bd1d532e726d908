"""Rows in a delimited text file: CSV, TSV and their kin. All cells are text, exactly as they stand."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from tasks.errors import UserError
from tasks.params.sources import TableSource
from tasks.sources.base import BrokenLine
from tasks.sources.formats.block_layout import BlockLayout
from tasks.sources.formats.dialect import Dialect, find_dialect, has_header, read_rows
from tasks.sources.formats.encoding import Text, open_text
from tasks.sources.formats.names import column_names
from tasks.sources.formats.row_blocks import OpenQuoteError, row_blocks, separated
from tasks.sources.packed import Entry

if TYPE_CHECKING:
    import polars as pl

_BATCH = 262_144
_TABBED = (".tsv", ".tab")


@dataclass(frozen=True, kw_only=True)
class DelimitedFile:
    """A delimited text file with its dialect found out. `columns` are as the header, or the user, names them."""

    text: Text
    dialect: Dialect
    header: bool
    columns: tuple[str, ...]
    keep: Callable[[BrokenLine], None] | None = None
    """Where lines go that are no rows; without it the first of them ends the reading."""
    in_lines: ClassVar[bool] = True

    @property
    def shown(self) -> str:
        return self.text.shown

    def frames(self) -> Iterator[pl.DataFrame]:
        """The rows in batches. Raises UserError at a row with too few or too many cells."""
        return (frame for frame, _ in self.numbered_frames())

    def numbered_frames(self) -> Iterator[tuple[pl.DataFrame, NDArray[np.int64]]]:
        """`frames`, each with the numbers of its rows' first lines."""
        # The header may be all that the first block holds.
        to_skip = int(self.header)
        blocks = separated(self.text.blocks(), self.dialect.separator, self.text.shown)
        try:
            keep_open = None if self.keep is None else self._keep_open
            for line, block in row_blocks(blocks, self.text.shown, quoted=self.dialect.quoted, keep_open=keep_open):
                frame, numbers = self._frame(line, block)
                for start in range(to_skip, frame.height, _BATCH):
                    yield frame.slice(start, _BATCH), numbers[start : start + _BATCH]
                to_skip = max(0, to_skip - frame.height)
        except OpenQuoteError as error:
            raise self._bad_quotes(error.line) from None

    def _frame(self, line: int, block: bytes) -> tuple[pl.DataFrame, NDArray[np.int64]]:
        """A block's rows, and the numbers of their lines; `line` is that of its first one."""
        import polars as pl

        layout = BlockLayout(**vars(self.dialect), block=block)
        numbers = None
        if not self._is_plain(layout):
            if self.keep is not None:
                layout = self._without_broken(line, layout, self.keep)
            self._check(line, layout)
            numbers = line + layout.row_lines
            block = layout.rows_only()
        # One sign is looked for ten times as fast as two.
        if b"\r" in block and b"\r" + layout.mark.encode() in block:
            block = replace(layout, block=block).with_returns_kept()
        if not block:
            return pl.DataFrame(schema=dict.fromkeys(self.columns, pl.String)), np.empty(0, dtype=np.int64)
        try:
            frame = self._parsed(block, layout.mark)
        # Our check says where and what; when it finds nothing, polars' own words stand.
        except (pl.exceptions.ComputeError, pl.exceptions.SchemaError):
            # Counting takes a row that lacks a cell and one that has one more for two that are right.
            if self.keep is not None and numbers is None:
                return self._frame(line, self._without_broken(line, layout, self.keep).block)
            self._check(line, layout)
            raise
        if layout.mark != self.dialect.separator:
            frame = frame.with_columns(pl.all().str.replace_all(layout.mark, self.dialect.separator, literal=True))
        if self.text.newline == "\r" and layout.quoted:
            # They were carriage returns in the file, which holds no line feed: those in quotes are again.
            frame = frame.with_columns(pl.all().str.replace_all("\n", "\r", literal=True))
        return frame, np.arange(line, line + frame.height) if numbers is None else numbers

    def _parsed(self, block: bytes, mark: str) -> pl.DataFrame:
        import polars as pl

        if block.startswith(codecs.BOM_UTF8):
            # polars takes it for the mark of a file; that is gone by now, so it is the cell's own.
            return self._parsed(b"x" + mark.encode() * (len(self.columns) - 1) + b"\n" + block, mark).slice(1)
        frame = pl.read_csv(
            block,
            has_header=False,
            # Numbered: polars takes no two columns of one name, and names get a meaning only later.
            schema={f"column_{place}": pl.String for place in range(len(self.columns))},
            separator=mark,
            quote_char='"' if self.dialect.quoted else None,
            # An empty cell and a missing one are not the same to everybody: ingest.source.missing decides.
            empty_string_is_null=False,
        )
        frame.columns = list(self.columns)
        return frame

    def _is_plain(self, layout: BlockLayout) -> bool:
        """Whether no line is blank, empty or lacks a cell, told by counting: polars refuses rows that have too many."""
        special = self.dialect.padded or self.dialect.comment or (self.dialect.quoted and b'"' in layout.block)
        # With one column, a blank line and an empty cell count alike.
        if special or len(self.columns) == 1 or layout.may_hold_nothing:
            return False
        num_separators = np.count_nonzero(layout.signs == ord(layout.mark))
        return bool(num_separators == len(layout.line_ends) * (len(self.columns) - 1))

    def _without_broken(self, line: int, layout: BlockLayout, keep: Callable[[BrokenLine], None]) -> BlockLayout:
        """The block with blank lines in the place of what is no row."""
        while (row := layout.first_misplaced_quote()) is not None:
            keep(self._broken(line, layout, row, "its quotes do not wrap whole cells"))
            layout = layout.with_blank([row])
        rows = np.flatnonzero((layout.widths != len(self.columns)) & layout.is_row).tolist()
        for row in rows:
            cells = int(layout.widths[row])
            keep(self._broken(line, layout, row, f"{cells} cell{'s' if cells > 1 else ''}, not {len(self.columns)}"))
        return layout.with_blank(rows) if rows else layout

    def _keep_open(self, line: int, text: bytes) -> None:
        assert self.keep is not None
        shown = text.decode(errors="replace").rstrip("\r")
        self.keep(BrokenLine(place=f"{self.text.shown}:{line}", text=shown, reason="its quote is never closed"))

    def _broken(self, line: int, layout: BlockLayout, row: int, reason: str) -> BrokenLine:
        text = layout.block[layout.starts[row] : layout.ends[row]].decode(errors="replace").rstrip("\r")
        return BrokenLine(place=f"{self.text.shown}:{line + layout.first_line(row)}", text=text, reason=reason)

    def _check(self, line: int, layout: BlockLayout) -> None:
        """Raises UserError at a row of another width, or with quotes that do not wrap a cell.

        polars would fill up rows that are too short without a word.
        """
        # The first fault in the file is the one to mend: later ones may follow from it.
        ragged, misplaced = layout.first_of_other_width(len(self.columns)), layout.first_misplaced_quote()
        if misplaced is not None and (ragged is None or misplaced <= ragged):
            raise self._bad_quotes(line + layout.first_line(misplaced))
        if ragged is not None:
            cells = int(layout.widths[ragged])
            raise UserError(
                f"{self.text.shown}:{line + layout.last_line(ragged)}: {cells} cell{'s' if cells > 1 else ''}, "
                f"where the first row has {len(self.columns)}; mend that line, "
                "give ingest.source.skip_lines if the lines above are a title, ingest.source.comment if it is a note, "
                "or ingest.source.separator and ingest.source.quoting if they were not found out rightly"
            )

    def _bad_quotes(self, line: int) -> UserError:
        return UserError(
            f"{self.text.shown}:{line}: the row that begins here cannot be read: its quotes do not wrap whole cells; "
            "mend them, or set ingest.source.quoting to none if they are signs like any other"
        )


def open_delimited(entry: Entry, config: TableSource, like: object) -> DelimitedFile:
    """Finds out how the file is written; separator and header are those of `like`, the first file, if there is one.

    Raises UserError when the file holds nothing, its names do not fit or are given twice, or it cannot be decoded.
    """
    like = like if isinstance(like, DelimitedFile) else None
    text = open_text(entry, config.encoding, like.text.guess if like else None).skipping(config.skip_lines)
    # What is called so is separated by tabs, however many commas its text holds.
    tab = "\t" if PurePosixPath(entry.name.lower()).suffix in _TABBED else None
    dialect = find_dialect(text, config, like.dialect.separator if like else tab)
    first = next(read_rows(text, dialect), None)
    if first is None:
        raise UserError(f"{entry.shown}: the file is empty; put the data there, or name another file")
    header = like.header if like else has_header(text, dialect, config)
    columns = column_names(first, header, config, entry.shown)
    return DelimitedFile(text=text, dialect=dialect, header=header, columns=columns)
