"""Workbooks that ask for terabytes: by one far cell, however it is written, or by what they unpack to."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import polars as pl
import pytest

from tasks.errors import UserError
from tasks.params.sources import TableSource
from tasks.sources import source
from tests.bad_input.workbooks import workbook
from tests.small_tables import place

SHEET = "xl/worksheets/sheet1.xml"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
FIRST = '<row r="1"><c r="A1"><v>1</v></c></row>'

FAR = {
    "as Excel writes it": '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>',
    "in other quotes": "<row r='1048576'><c r='XFD1048576'><v>1</v></c></row>",
    "with a line break": '<row r="1048576"><c\n r="XFD1048576"><v>1</v></c></row>',
    "behind another setting": '<row r="1048576"><c t=">" r="XFD1048576"><v>1</v></c></row>',
    "in small letters": '<row r="1048576"><c r="xfd1048576"><v>1</v></c></row>',
    "in two rows": '<row r="1048576"><c><v>1</v></c></row><row r="2"><c r="XFD2"><v>1</v></c></row>',
    "beyond Excel": '<row r="4294967295"><c r="ZZZZZ4294967295"><v>1</v></c></row>',
}


def sheet(rows: str, prefix: str = "") -> bytes:
    mark = f"xmlns:{prefix[:-1]}" if prefix else "xmlns"
    return (
        f'<{prefix}worksheet {mark}="{MAIN}"><{prefix}sheetData>{rows}</{prefix}sheetData></{prefix}worksheet>'.encode()
    )


def packed(members: dict[str, bytes]) -> bytes:
    return workbook({"one": [["x", "y"], ["1", "a"]]}, members)


def renamed(content: bytes, change: Callable[[str], str]) -> bytes:
    """The same workbook, whose parts have other names."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(target, "w") as new:
        for info in old.infolist():
            new.writestr(change(info.filename), old.read(info))
    return target.getvalue()


def read(root: Path, content: bytes, name: str = "data.xlsx", **more: object) -> pl.DataFrame:
    (root / name).write_bytes(content)
    config = TableSource.model_validate({"kind": "table", "path": name, **more})
    return pl.concat(source(config, place(root)).parts())


@pytest.mark.parametrize("rows", FAR.values(), ids=FAR)
def test_a_far_cell_is_told_however_it_is_written(tmp_path: Path, rows: str) -> None:
    with pytest.raises(UserError, match=r"one: reaches to row [\d,]+ and column [\d,]+, .* or save it as CSV"):
        read(tmp_path, packed({SHEET: sheet(FIRST + rows)}))


def test_a_far_cell_is_told_in_a_name_space_and_in_a_part_of_an_odd_name(tmp_path: Path) -> None:
    rows = FIRST + FAR["as Excel writes it"]
    prefixed = rows.replace("<row", "<x:row").replace("</row", "</x:row").replace("<c ", "<x:c ")
    prefixed = prefixed.replace("</c>", "</x:c>").replace("<v>", "<x:v>").replace("</v>", "</x:v>")
    odd = renamed(packed({SHEET: sheet(rows)}), lambda name: name.replace("xl/work", "XL/Work"))
    for content in (packed({SHEET: sheet(prefixed, "x:")}), odd):
        with pytest.raises(UserError, match=r"reaches to row 1,048,576 and column 16,384|no Excel file"):
            read(tmp_path, content)


@cache
def of_spaces() -> bytes:
    return packed({SHEET: sheet(FIRST + " " * (300 << 20))})


@cache
def of_one_text() -> bytes:
    text = b"a" * (300 << 20)
    return packed({"xl/sharedStrings.xml": b'<sst xmlns="%s"><si><t>%s</t></si></sst>' % (MAIN.encode(), text)})


@cache
def with_a_large_picture() -> bytes:
    return packed({"xl/media/image1.png": bytes(300 << 20)})


@cache
def lying() -> bytes:
    """The directory says that the sheet is small, and its sum fits what it says."""
    content = bytearray(of_spaces())
    at = content.index(SHEET.encode(), content.index(b"PK\x01\x02")) - 46
    struct.pack_into("<I", content, at + 24, 100)
    return bytes(content)


@pytest.mark.parametrize("bomb", [of_spaces, of_one_text, with_a_large_picture, lying])
@pytest.mark.parametrize("name", ["data.xlsx", "data.ods"])
def test_a_workbook_that_unpacks_to_too_much_is_refused(tmp_path: Path, bomb: Callable[[], bytes], name: str) -> None:
    with pytest.raises(UserError, match=rf"^{name}: unpacks to more than 256 MiB, .* raise ingest\.source\.max_unp"):
        read(tmp_path, bomb(), name, format="excel")


def test_the_bound_can_be_raised_and_lowered(tmp_path: Path) -> None:
    assert read(tmp_path, with_a_large_picture(), max_unpacked_mib=301).rows() == [("1", "a")]
    with pytest.raises(UserError, match="unpacks to more than 1 MiB"):
        read(tmp_path, packed({"xl/media/image1.png": bytes(2 << 20)}), max_unpacked_mib=1)


def test_entities_that_grow_are_refused(tmp_path: Path) -> None:
    entities = "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9))
    text = f'<!DOCTYPE l [<!ENTITY a "aaaaaaaaaa">{entities}]>'.encode()
    rows = '<row r="1"><c r="A1" t="inlineStr"><is><t>&j;</t></is></c></row>'
    with pytest.raises(UserError, match="no Excel file, or a damaged one"):
        read(tmp_path, packed({SHEET: text + sheet(rows)}))


OPEN_DOCUMENT = (
    '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:spreadsheet>'
    '<table:table table:name="one">{rows}</table:table></office:spreadsheet></office:body></office:document-content>'
)


def open_document(*rows: tuple[int, int, str]) -> bytes:
    """Rows of one cell each: how often the row stands there, how often the cell, and what it holds."""
    lines = "".join(
        f'<table:table-row table:number-rows-repeated="{num_rows}"><table:table-cell office:value-type="string" '
        f'table:number-columns-repeated="{num_cells}"><text:p>{text}</text:p></table:table-cell></table:table-row>'
        for num_rows, num_cells, text in rows
    )
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr(
            "META-INF/manifest.xml",
            '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>',
        )
        archive.writestr("content.xml", OPEN_DOCUMENT.format(rows=lines))
    return target.getvalue()


@pytest.mark.parametrize("repeats", [(1048576, 16384), (4_000_000_000, 4_000_000_000), (2**70, 2**70)])
def test_cells_that_are_repeated_for_ever_are_refused(tmp_path: Path, repeats: tuple[int, int]) -> None:
    assert read(tmp_path, open_document((1, 2, "x"), (3, 2, "y")), "data.ods", header=False).height == 4
    with pytest.raises(UserError, match="no Excel file, or a damaged one"):
        read(tmp_path, open_document((*repeats, "x")), "data.ods")
