"""The cells of a sheet as text, to the last digit; and how far a sheet reaches, before it is read."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET
from xml.parsers import expat

if TYPE_CHECKING:
    import polars as pl

_PLACE = re.compile("([A-Z]+)([0-9]+)")
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_DAY_ZERO = "1899-12-31 "


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
    """The last row and the last column that have a cell, of an .xlsx file; 0 and 0 of the others, whose reader stops.

    Raises ExpatError when a sheet is no XML.
    """
    if not zipfile.is_zipfile(file):
        return 0, 0
    with zipfile.ZipFile(file) as archive:
        part = _part_of(archive, sheet)
        # The reader finds parts by other rules than these, so all count where the sheet's own is not to be told.
        parts = archive.namelist() if part is None else [part]
        reaches = [_reach(archive, name) for name in parts if name.lower().endswith(".xml")]
    return max((rows for rows, _ in reaches), default=0), max((columns for _, columns in reaches), default=0)


def _reach(archive: zipfile.ZipFile, part: str) -> tuple[int, int]:
    """By a parser, as a pattern would be misled by quotes, prefixes and line breaks; rows and cells may lack places."""
    reach = _Reach()
    parser = expat.ParserCreate(namespace_separator="}")
    parser.StartElementHandler = reach.start
    with archive.open(part) as content:
        parser.ParseFile(content)
    return reach.rows, reach.columns


class _Reach:
    """How far the cells that begin one after the other reach."""

    def __init__(self) -> None:
        self.rows = self.columns = 0
        self._row = self._column = 0

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        tag = name.rpartition("}")[2]
        if tag == "row":
            number = attributes.get("r", "")
            self._row, self._column = int(number) if number.isdecimal() else self._row + 1, 0
        elif tag == "c":
            place = _PLACE.fullmatch(attributes.get("r", "").upper())
            self._row = int(place[2]) if place else max(1, self._row)
            self._column = _column(place[1]) if place else self._column + 1
            self.rows, self.columns = max(self.rows, self._row), max(self.columns, self._column)


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


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - ord("A") + 1
    return number
