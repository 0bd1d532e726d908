"""The cells of a sheet as text, to the last digit; and how far a sheet reaches, before it is read."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    import polars as pl

_CELL = re.compile(rb'<c [^>]*?r="([A-Z]{1,3})([0-9]{1,7})"')
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_DAY_ZERO = "1899-12-31 "
_CHUNK = 1 << 20
_LONGEST_CELL = 64
"""Bytes of a cell's beginning, up to its place."""


def text_cells(workbook: Any, sheet: str) -> pl.DataFrame:
    """All cells of the sheet as text: as they are shown, numbers with all their digits; an empty one is missing."""
    import polars as pl

    # From the sheet's first row on, whether it has a cell or not: rows are told by the numbers that the sheet shows.
    text: pl.DataFrame = workbook.load_sheet(sheet, header_row=None, skip_rows=0, dtypes="string").to_polars()
    if not text.width:
        return text
    # As text, numbers are cut after nine decimals; as numbers, words and dates are lost: so both are read.
    numbers: pl.DataFrame = workbook.load_sheet(sheet, header_row=None, skip_rows=0, dtypes="float").to_polars()
    # A time of day is the fraction of a day, and the reader sets it on the day that Excel counts from.
    return pl.DataFrame([_exact(*both).str.strip_prefix(_DAY_ZERO) for both in zip(text, numbers, strict=True)])


def _exact(text: pl.Series, numbers: pl.Series) -> pl.Series:
    """The text, but for numbers that it does not say to the last digit."""
    from_text = text.cast(numbers.dtype, strict=False)
    # Text such as 007 is the same number, and stays as it is; what is no number as text is a date or a truth value.
    is_cut = (from_text != numbers).fill_null(value=False)
    return text.zip_with(~is_cut, numbers.cast(text.dtype)) if is_cut.any() else text


def farthest_cell(file: Path, sheet: str) -> tuple[int, int]:
    """The last row and the last column that have a cell, of an .xlsx file; 0 and 0 of the others, which are smaller."""
    rows = columns = 0
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            for letters, number in _places(archive, _part_of(archive, sheet)):
                rows, columns = max(rows, int(number)), max(columns, _column(letters))
    return rows, columns


def _places(archive: zipfile.ZipFile, part: str | None) -> Iterator[tuple[bytes, bytes]]:
    if part is None:
        return
    rest = b""
    with archive.open(part) as content:
        while chunk := content.read(_CHUNK):
            joined = rest + chunk
            yield from _CELL.findall(joined)
            # The beginning of a cell may be cut; one that is seen twice is no harm.
            rest = joined[-_LONGEST_CELL:]


def _part_of(archive: zipfile.ZipFile, sheet: str) -> str | None:
    """The file within the workbook that holds the sheet; None when it is not to be found as in most workbooks."""
    names = set(archive.namelist())
    book, relations = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"
    if not {book, relations} <= names:
        return None
    try:
        sheets = ET.fromstring(archive.read(book)).iter(f"{_MAIN}sheet")
        targets = {item.get("Id"): item.get("Target") or "" for item in ET.fromstring(archive.read(relations))}
    except ET.ParseError:
        return None
    target = next((targets.get(item.get(_RELATION)) for item in sheets if item.get("name") == sheet), None)
    part = "" if target is None else target.removeprefix("/").removeprefix("xl/")
    return f"xl/{part}" if f"xl/{part}" in names else None


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = 26 * number + letter - ord("A") + 1
    return number
