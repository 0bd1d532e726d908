"""Workbooks written by hand: no library that writes them is installed."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

Row = Sequence[object] | Mapping[str, object]

_DOCUMENT = "http://schemas.openxmlformats.org"
_MAIN = f"{_DOCUMENT}/spreadsheetml/2006/main"
_RELATIONS = f"{_DOCUMENT}/officeDocument/2006/relationships"
_PACKAGE = f"{_DOCUMENT}/package/2006"


@dataclass(frozen=True)
class Day:
    """A date as Excel counts it, from 1899-12-30."""

    serial: float


def write_workbook(path: Path, sheets: Mapping[str, Sequence[Row] | Mapping[int, Row]]) -> None:
    """Sheets by name, each a list of rows, or rows by their numbers; a row is a list, or cells by their columns."""
    names = list(sheets)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", _types(len(names)))
        archive.writestr("_rels/.rels", _relations({"rId1": ("officeDocument", "xl/workbook.xml")}))
        listed = "".join(f'<sheet name="{name}" sheetId="{n}" r:id="rId{n}"/>' for n, name in enumerate(names, 1))
        archive.writestr(
            "xl/workbook.xml", f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}"><sheets>{listed}</sheets></workbook>'
        )
        targets = {f"rId{n}": ("worksheet", f"worksheets/sheet{n}.xml") for n in range(1, len(names) + 1)}
        relations = _relations({**targets, "rId99": ("styles", "styles.xml")})
        archive.writestr("xl/_rels/workbook.xml.rels", relations)
        styles = '<cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs>'
        archive.writestr("xl/styles.xml", f'<styleSheet xmlns="{_MAIN}">{styles}</styleSheet>')
        for number, name in enumerate(names, 1):
            archive.writestr(f"xl/worksheets/sheet{number}.xml", _sheet(sheets[name]))


def _types(num_sheets: int) -> str:
    kinds = {"/xl/workbook.xml": "sheet.main", "/xl/styles.xml": "styles"}
    kinds |= {f"/xl/worksheets/sheet{number}.xml": "worksheet" for number in range(1, num_sheets + 1)}
    start = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    overrides = "".join(
        f'<Override PartName="{part}" ContentType="{start}.{kind}+xml"/>' for part, kind in kinds.items()
    )
    relations = '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    return f'<Types xmlns="{_PACKAGE}/content-types">{relations}{overrides}</Types>'


def _relations(targets: Mapping[str, tuple[str, str]]) -> str:
    items = "".join(
        f'<Relationship Id="{key}" Type="{_RELATIONS}/{kind}" Target="{target}"/>'
        for key, (kind, target) in targets.items()
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{items}</Relationships>'


def _sheet(rows: Sequence[Row] | Mapping[int, Row]) -> str:
    numbered = rows if isinstance(rows, Mapping) else dict(enumerate(rows, 1))
    body = "".join(f'<row r="{number}">{_row(number, row)}</row>' for number, row in numbered.items())
    return f'<worksheet xmlns="{_MAIN}"><sheetData>{body}</sheetData></worksheet>'


def _row(number: int, row: Row) -> str:
    cells = row if isinstance(row, Mapping) else {chr(ord("A") + place): value for place, value in enumerate(row)}
    return "".join(_cell(f"{column}{number}", value) for column, value in cells.items())


def _cell(place: str, value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return f'<c r="{place}" t="b"><v>{int(value)}</v></c>'
        case Day():
            return f'<c r="{place}" s="1"><v>{value.serial}</v></c>'
        case str():
            return f'<c r="{place}" t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'
        case _:
            return f'<c r="{place}"><v>{value!r}</v></c>'
