"""Rows on a sheet of a workbook: Excel's .xlsx, .xlsb and .xls, and .ods. Cells are text, as in a CSV."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from xml.parsers.expat import ExpatError

from tasks.errors import UserError, did_you_mean
from tasks.params.sources import TableSource
from tasks.sources.archives import check_unpacked
from tasks.sources.formats.header import names_columns
from tasks.sources.formats.names import column_names
from tasks.sources.formats.sheets import farthest_cell, text_cells
from tasks.sources.formats.titles import NumberedRow, lines_above_header, num_filled
from tasks.sources.packed import Entry, extracted

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

_SAMPLE = 1_000
_MOST_CELLS = 100_000_000
"""A cell takes some 30 bytes, whether it holds anything or not."""
# The sheet is in memory anyway: batches are for what comes behind.
_BATCH = 65_536


@dataclass(frozen=True, kw_only=True)
class ExcelFile:
    """One sheet. `columns` are the cells of its first row that has any, if that is the `header`."""

    entry: Entry
    sheet: str
    skip_lines: int
    header: bool
    columns: tuple[str, ...]
    in_lines: ClassVar[bool] = False

    @property
    def shown(self) -> str:
        return f"{self.entry.shown}: {self.sheet}"

    def numbered_frames(self) -> Iterator[tuple[pl.DataFrame, NDArray[np.int64]]]:
        """The rows in batches, each with their numbers on the sheet. It has a million rows at most, and is in memory as
        a whole."""
        rows, numbers = _numbered_rows(self.entry, self.sheet, self.skip_lines)
        rows.columns = list(self.columns)
        for start in range(int(self.header), rows.height, _BATCH):
            yield rows.slice(start, _BATCH), numbers[start : start + _BATCH]


def open_excel(entry: Entry, config: TableSource, like: object) -> ExcelFile:
    """Looks for the sheet and its header, which is there if that of `like`, the first file, is.

    Raises UserError when the file is damaged, too large, or the sheet is not to be told.
    """
    name, rows = _sheet(entry, config)
    shown = f"{entry.shown}: {name}"
    first = _cells(rows.head(1))[0]
    # Names are given to sheets that have none; a header that is not said to be missing is there.
    given = config.names is None if config.header is None else config.header
    header = like.header if isinstance(like, ExcelFile) else given
    columns = column_names(first, header, config, shown)
    return ExcelFile(entry=entry, sheet=name, skip_lines=config.skip_lines, header=header, columns=columns)


def find_excel_settings(entry: Entry, config: TableSource) -> dict[str, Any]:
    """The sheet and what stands above its header, as settings of the source's block."""
    if "skip_lines" in config.model_fields_set:
        num_above = config.skip_lines
    else:
        # With the rows that are empty: they are counted.
        all_rows = _all_rows(entry, _sheet(entry, config)[0])
        cells = _cells(all_rows.head(_SAMPLE))
        numbered = [NumberedRow(num_above=place, cells=row) for place, row in enumerate(cells) if num_filled(row)]
        num_above = lines_above_header(numbered)
    name, rows = _sheet(entry, config.model_copy(update={"skip_lines": num_above}))
    return {
        "sheet": name,
        "header": names_columns(_cells(rows.head(_SAMPLE))) if config.header is None else config.header,
        **({"skip_lines": num_above} if num_above else {}),
    }


def _cells(rows: pl.DataFrame) -> list[list[str]]:
    return [[cell or "" for cell in row] for row in rows.rows()]


def _sheet(entry: Entry, config: TableSource) -> tuple[str, pl.DataFrame]:
    """The sheet that is meant, and its rows."""
    # Empty sheets come with every new workbook: one that alone has rows is meant.
    with_rows = {
        name: rows
        for name in _sheet_names(entry, config.sheet)
        if (rows := _rows(entry, name, config.skip_lines)).height
    }
    if not with_rows:
        raise UserError(f"{entry.shown}: the sheet is empty; put the data there, or give ingest.source.sheet")
    if len(with_rows) > 1:
        raise UserError(
            f"{entry.shown}: {len(with_rows)} sheets have rows: {', '.join(with_rows)}; "
            "say which one is meant as ingest.source.sheet"
        )
    return next(iter(with_rows.items()))


def _sheet_names(entry: Entry, sheet: str | None) -> list[str]:
    with extracted(entry) as file:
        names: list[str] = _workbook(file, entry).sheet_names
    if sheet is None:
        return names
    if sheet not in names:
        raise UserError(f"{entry.shown}: has no sheet {sheet}{did_you_mean(sheet, names)}; correct ingest.source.sheet")
    return [sheet]


def _rows(entry: Entry, sheet: str, num_above: int) -> pl.DataFrame:
    return _numbered_rows(entry, sheet, num_above)[0]


def _numbered_rows(entry: Entry, sheet: str, num_above: int) -> tuple[pl.DataFrame, NDArray[np.int64]]:
    """The rows of the sheet below the lines `num_above`, without rows and columns of blanks, and their numbers."""
    import numpy as np
    import polars as pl

    rows = _all_rows(entry, sheet).slice(num_above)
    # Formatted cells without content make rows and columns, too, down to where the formatting ends.
    filled = [values for values in rows if (values.str.strip_chars() != "").any()]
    if not filled:
        return pl.DataFrame(), np.empty(0, dtype=np.int64)
    table = pl.DataFrame(filled)
    is_row = table.select(pl.any_horizontal(pl.all().str.strip_chars().fill_null("") != "")).to_series()
    return table.filter(is_row), np.flatnonzero(is_row.to_numpy()) + num_above + 1


def _all_rows(entry: Entry, sheet: str) -> pl.DataFrame:
    with extracted(entry) as file, _damage(entry):
        check_unpacked(file, entry.shown, entry.max_unpacked_mib)
        num_rows, num_columns = farthest_cell(file, sheet)
        if num_rows * num_columns > _MOST_CELLS:
            raise UserError(
                f"{entry.shown}: {sheet}: reaches to row {num_rows:,} and column {num_columns:,}, and would take "
                "memory for every cell up to there; delete the rows and columns behind the table, or save it as CSV"
            )
        return text_cells(_workbook(file, entry), sheet)


def _workbook(file: Path, entry: Entry) -> Any:
    with _damage(entry):
        import fastexcel

        # The reader takes shared texts into memory at once, however long they are.
        check_unpacked(file, entry.shown, entry.max_unpacked_mib)
        return fastexcel.read_excel(file)


@contextmanager
def _damage(entry: Entry) -> Iterator[None]:
    """Says what the reader says of a file, or of a sheet in it, as a UserError; and that there is no reader."""
    try:
        import fastexcel
    except ModuleNotFoundError:
        raise UserError(
            f"{entry.shown}: reading Excel files needs the extra `excel`: pip install 'modelwright[excel]', "
            "or save the sheet as CSV"
        ) from None
    try:
        yield
    # The sheet's own XML is looked through before the reader sees it: the archive may be damaged there.
    except (fastexcel.FastExcelError, zipfile.BadZipFile, zlib.error, EOFError, ExpatError) as error:
        raise UserError(
            f"{entry.shown}: no Excel file, or a damaged one ({_first_line(error)}); save it anew"
        ) from None


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "it ends too soon")
