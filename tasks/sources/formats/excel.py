"""Rows on a sheet of a workbook: Excel's .xlsx, .xlsb and .xls, and .ods. Cells are text, as in a CSV."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from tasks.errors import UserError, did_you_mean
from tasks.sources.packed import Entry, extracted
from tasks.tables.origins import numbered

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

# The sheet is in memory anyway: batches are for what comes behind.
_BATCH = 65_536


@dataclass(frozen=True, kw_only=True)
class ExcelFile:
    """One sheet. `columns` are the cells of its first row that has any."""

    entry: Entry
    sheet: str
    columns: tuple[str, ...]
    header: ClassVar[bool] = True
    in_lines: ClassVar[bool] = False

    @property
    def shown(self) -> str:
        return f"{self.entry.shown}: {self.sheet}"

    def frames(self) -> Iterator[pl.DataFrame]:
        """The rows in batches. A sheet has a million rows at most, and is in memory as a whole."""
        rows = _rows(self.entry, self.sheet)
        rows.columns = list(self.columns)
        yield from rows.slice(1).iter_slices(_BATCH)

    def numbered_frames(self) -> Iterator[tuple[pl.DataFrame, NDArray[np.int64]]]:
        """`frames`, each with the numbers of its rows."""
        return numbered(self.frames())


def open_excel(entry: Entry, sheet: str | None) -> ExcelFile:
    """Looks for the sheet and its header. Raises UserError when the file is damaged or the sheet is not to be told."""
    # Empty sheets come with every new workbook: one that alone has rows is meant.
    with_rows = {name: rows for name in _sheet_names(entry, sheet) if (rows := _rows(entry, name)).height}
    if not with_rows:
        raise UserError(f"{entry.shown}: the sheet is empty; put the data there, or give ingest.source.sheet")
    if len(with_rows) > 1:
        raise UserError(
            f"{entry.shown}: {len(with_rows)} sheets have rows: {', '.join(with_rows)}; "
            "say which one is meant as ingest.source.sheet"
        )
    name, rows = next(iter(with_rows.items()))
    # Columns without a title are common on sheets that people fill in.
    header = [cell.strip() if cell else "" for cell in rows.row(0)]
    columns = tuple(cell or f"column_{place}" for place, cell in enumerate(header, 1))
    return ExcelFile(entry=entry, sheet=name, columns=columns)


def _sheet_names(entry: Entry, sheet: str | None) -> list[str]:
    with extracted(entry) as file:
        names: list[str] = _workbook(file, entry).sheet_names
    if sheet is None:
        return names
    if sheet not in names:
        raise UserError(f"{entry.shown}: has no sheet {sheet}{did_you_mean(sheet, names)}; correct ingest.source.sheet")
    return [sheet]


def _rows(entry: Entry, sheet: str) -> pl.DataFrame:
    """All rows of the sheet, the header among them, without rows that have no cell."""
    import polars as pl

    with extracted(entry) as file, _damage(entry):
        rows: pl.DataFrame = _workbook(file, entry).load_sheet(sheet, header_row=None, dtypes="string").to_polars()
    # Formatted cells without content make rows, too, down to where the formatting ends.
    return rows.filter(~pl.all_horizontal(pl.all().is_null())) if rows.width else rows


def _workbook(file: Any, entry: Entry) -> Any:
    with _damage(entry):
        import fastexcel

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
    except fastexcel.FastExcelError as error:
        raise UserError(
            f"{entry.shown}: no Excel file, or a damaged one ({_first_line(error)}); save it anew"
        ) from None


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
