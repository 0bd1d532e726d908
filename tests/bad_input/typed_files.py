"""Broken Parquet, Arrow and Excel files, and databases."""

from __future__ import annotations

import io
import sqlite3
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from tests.bad_input.delimited_files import GOOD, ROWS
from tests.bad_input.outcomes import Broken, Read, Refused, Write, table
from tests.bad_input.workbooks import Rows, workbook

FRAME = pl.DataFrame(ROWS, schema=["x", "y"], orient="row")
SHEET: Rows = [["x", "y"], *ROWS]
ANEW = "copy it anew"


def parquet(frame: pl.DataFrame = FRAME) -> bytes:
    """The rows as a Parquet file."""
    content = io.BytesIO()
    frame.write_parquet(content)
    return content.getvalue()


def arrow(frame: pl.DataFrame = FRAME) -> bytes:
    """The rows as an Arrow file."""
    content = io.BytesIO()
    frame.write_ipc(content)
    return content.getvalue()


def database(change: Callable[[bytes], bytes]) -> Write:
    """A source of an SQLite file with one table `rows`, after that change."""

    def write(folder: Path) -> Mapping[str, Any]:
        with tempfile.TemporaryDirectory() as aside:
            path = Path(aside) / "rows.db"
            connection = sqlite3.connect(path)
            connection.execute("CREATE TABLE rows AS SELECT 'one' AS x, 'a' AS y")
            connection.executemany("INSERT INTO rows VALUES (?, ?)", [("word" * 9, "b")] * 2_000)
            connection.commit()
            connection.close()
            (folder / "rows.db").write_bytes(change(path.read_bytes()))
        return {"kind": "sql", "url": "sqlite:///rows.db", "query": "SELECT x, y FROM rows"}

    return write


_NO_PARQUET = Refused("data.parquet", "no Parquet file, or a damaged one", ANEW)
_NO_ARROW = Refused("data.arrow", "no Arrow file, or a damaged one", ANEW)
_NO_EXCEL = Refused("data.xlsx", "no Excel file, or a damaged one", "save it anew")
_NO_ROWS = Refused("data.parquet", "has no rows", "put the data there")

TYPED: dict[str, Broken] = {
    "Parquet without its end": Broken(table(parquet()[:-4], "data.parquet"), _NO_PARQUET),
    "Parquet cut in its footer": Broken(table(parquet()[:-60], "data.parquet"), _NO_PARQUET),
    "Parquet without its start": Broken(table(parquet()[20:], "data.parquet"), _NO_PARQUET),
    "Parquet with wrong bytes inside": Broken(
        table(b"PAR1" + b"\xff" * 60 + parquet()[64:], "data.parquet"), _NO_PARQUET
    ),
    "Parquet that is text": Broken(table(GOOD, "data.parquet"), _NO_PARQUET),
    "Parquet of no bytes": Broken(
        table(b"", "data.parquet"), Refused("data.parquet", "is empty", "put the data there")
    ),
    "Parquet of no rows": Broken(table(parquet(FRAME.clear()), "data.parquet"), _NO_ROWS),
    "Parquet of no columns": Broken(table(parquet(pl.DataFrame()), "data.parquet"), _NO_ROWS),
    "Parquet of nested columns": Broken(
        table(parquet(FRAME.with_columns(x=pl.struct("x", "y"))), "data.parquet"),
        Refused("data.parquet", "column x holds values of type Struct", "unpack them into columns"),
    ),
    "Arrow cut off": Broken(table(arrow()[:-40], "data.arrow"), _NO_ARROW),
    "Arrow that is text": Broken(table(GOOD, "data.arrow"), _NO_ARROW),
    "Arrow of lists": Broken(
        table(arrow(FRAME.with_columns(x=pl.concat_list("x", "y"))), "data.arrow"),
        Refused("data.arrow", "column x holds values of type List", "unpack them into columns"),
    ),
    "Excel with three sheets": Broken(
        table(workbook({"one": SHEET, "two": SHEET, "three": []}), "data.xlsx"),
        Refused("data.xlsx", "2 sheets have rows: one, two", "say which one is meant as ingest.source.sheet"),
    ),
    "Excel with three sheets, one meant": Broken(
        table(workbook({"one": [["z"]], "two": SHEET, "three": []}), "data.xlsx", sheet="two"), Read(list(ROWS))
    ),
    "Excel without that sheet": Broken(
        table(workbook({"one": SHEET}), "data.xlsx", sheet="ones"),
        Refused("data.xlsx", "has no sheet ones; did you mean one?", "correct ingest.source.sheet"),
    ),
    "Excel of empty sheets": Broken(
        table(workbook({"one": [], "two": []}), "data.xlsx"), Refused("data.xlsx", "is empty", "put the data there")
    ),
    "Excel that is text": Broken(table(GOOD, "data.xlsx"), _NO_EXCEL),
    "Excel cut off": Broken(
        table(workbook({"one": SHEET})[:-99], "data.xlsx"),
        Refused("data.xlsx", "damaged or cut off", "copy or download it anew"),
    ),
    "Excel with a broken book": Broken(
        table(workbook({"one": SHEET}, {"xl/workbook.xml": b"<workbook><shee"}), "data.xlsx"), _NO_EXCEL
    ),
    "Excel with a broken sheet": Broken(
        table(workbook({"one": SHEET}, {"xl/worksheets/sheet1.xml": b"<worksheet><sheetData><row><c"}), "data.xlsx"),
        _NO_EXCEL,
    ),
    "Excel with a name twice": Broken(
        table(workbook({"one": [["x", "x"], *ROWS]}), "data.xlsx"),
        Refused("data.xlsx", "the column name x stands there 2 times", "a name of its own"),
    ),
    "database that is text": Broken(
        database(lambda _: GOOD.encode() * 100),
        Refused("sqlite:///rows.db", "file is not a database", "copy or write it anew"),
    ),
    "database that is empty": Broken(
        database(lambda _: b""), Refused("sqlite:///rows.db", "no such table: rows", "correct ingest.source.query")
    ),
    "database cut off": Broken(
        database(lambda content: content[: len(content) // 2]),
        Refused("sqlite:///rows.db", "malformed", "copy or write it anew"),
    ),
}
