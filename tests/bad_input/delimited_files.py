"""Broken, and only odd, files of delimited text and of JSON lines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.bad_input.outcomes import Broken, Read, Refused, table

GOOD = "x,y\none,a\ntwo,b\n"
ROWS: list[tuple[str, ...]] = [("one", "a"), ("two", "b")]
WIDE = 10_000
WIDE_ROWS: list[tuple[str, ...]] = [(y, *("z" * WIDE)) for y in "ab"]
HUGE = "z" * 10_000_000


def _many_after_a_quote() -> bytes:
    return b'x,y\n"0",1\n"1,0\n' + b"2,1\n" * 1_000_000


def _a_long_line() -> bytes:
    return b"z" * 70_000_000


def _wide() -> bytes:
    header = ["y", *(f"x{number}" for number in range(WIDE))]
    return "\n".join(",".join(row) for row in [header, *WIDE_ROWS]).encode()


def _other_wide_columns(folder: Path) -> Mapping[str, Any]:
    for letter in "uv":
        names = [f"{letter}{number}" for number in range(WIDE)]
        (folder / f"{letter}.csv").write_text("\n".join(",".join(row) for row in (names, "1" * WIDE)))
    return {"kind": "table", "path": "*.csv"}


_EMPTY = Refused("data.csv", "is empty", "put the data there")

TEXTS: dict[str, Broken] = {
    "empty": Broken(table(b""), _EMPTY),
    "only blank lines": Broken(table("\n\r\n\n"), _EMPTY),
    "only a mark": Broken(table(b"\xef\xbb\xbf"), _EMPTY),
    "only a header": Broken(table("x,y\n"), Refused("data.csv", "has no rows", "put the data there")),
    "ragged, short": Broken(table(GOOD + "three\n"), Refused("data.csv:4", "1 cell", "mend that line")),
    "ragged, long": Broken(table(GOOD + "three,a,b\n"), Refused("data.csv:4", "3 cells", "mend that line")),
    "ragged header": Broken(table("x,y,\none,a\ntwo,b\n"), Refused("data.csv:2", "2 cells", "mend that line")),
    "NUL bytes": Broken(table("x,y\no\0ne,a\ntwo,b\n"), Refused("data.csv", "NUL bytes", "give ingest.source")),
    "quote open at the end": Broken(table('x,y\n"one",a\n"two,b\n'), Refused("data.csv:3", "quotes", "mend them")),
    "quote opened in line 3 of a million": Broken(
        table(_many_after_a_quote, quoting="double"), Refused("data.csv:3", "quotes", "mend them")
    ),
    "a line of 70 MB": Broken(table(_a_long_line), Refused("data.csv:1", "a line of more than", "write a row a line")),
    "duplicate names": Broken(
        table("x,x,y\n1,2,a\n3,4,b\n"),
        Refused("data.csv", "the column name x stands there 2 times", "a name of its own"),
    ),
    "10,000 columns, and 10,000 others": Broken(
        _other_wide_columns, Refused("v.csv", "lacks u0, u1, u2, u3, u4, 9,995 more", "make them alike")
    ),
    "one column": Broken(table("y\na\nb\n"), Refused("data.csv", "no column is a feature", "correct ingest.columns")),
    "invalid UTF-8, as said": Broken(
        table(GOOD.encode() + b"three,a\xc3", encoding="utf-8"),
        Refused("data.csv", "not utf-8", "correct ingest.source.encoding"),
    ),
    "no text in any encoding": Broken(
        table(GOOD.encode() + b"\x81\x8d\xc3,a\n"), Refused("data.csv", "neither UTF-8 nor", "give its encoding")
    ),
    "UTF-16 that ends in half a letter": Broken(
        table(GOOD.encode("utf-16") + b"z"), Refused("data.csv", "neither UTF-8 nor", "give its encoding")
    ),
    "a Parquet file by another name": Broken(
        table(b"PAR1\x15\x04\x00\x00PAR1"), Refused("data.csv", "NUL bytes", "give ingest.source.format")
    ),
}

ODD_TEXTS: dict[str, Broken] = {
    "10 MB in one cell": Broken(table(f"x,y\n{HUGE},a\ntwo,b\n"), Read([(HUGE, "a"), ("two", "b")])),
    "UTF-16 without a mark, little end first": Broken(table(GOOD.encode("utf-16-le")), Read(ROWS)),
    "UTF-16 without a mark, big end first": Broken(table(GOOD.encode("utf-16-be")), Read(ROWS)),
    "UTF-16 with a mark": Broken(table(GOOD.encode("utf-16")), Read(ROWS)),
    "UTF-32 with a mark": Broken(table(GOOD.encode("utf-32")), Read(ROWS)),
    "Latin-1": Broken(table("x,y\ncafé,a\nnaïve,b\n".encode("latin-1")), Read([("café", "a"), ("naïve", "b")])),
    "invalid UTF-8 in the last byte": Broken(table(GOOD.encode() + b"three,\xe9"), Read([*ROWS, ("three", "é")])),
    "a mark in the middle": Broken(table(GOOD + "\ufeffthree,a\n"), Read([*ROWS, ("three", "a")])),
    "carriage returns only": Broken(table(GOOD.replace("\n", "\r")), Read(ROWS)),
    "mixed line ends": Broken(table("x,y\r\none,a\ntwo,b\r\n"), Read(ROWS)),
    "no last line end": Broken(table("x,y\none,a\ntwo,b"), Read(ROWS)),
    "blank lines between": Broken(table("\nx,y\n\none,a\r\n\r\ntwo,b\n\n"), Read(ROWS)),
    "separators and line breaks in quotes": Broken(
        table('x,y\n"one,\n""two""\r\n",a\n"three\u2028",b\n'), Read([('one,\n"two"\r\n', "a"), ("three\u2028", "b")])
    ),
    "a quote in the middle of a cell": Broken(
        table('x,y\n5" disk,a\n3" disk,b\n'), Read([('5" disk', "a"), ('3" disk', "b")])
    ),
    "10,000 columns": Broken(table(_wide), Read(WIDE_ROWS)),
}

_DEEP = "[" * 100_000 + "]" * 100_000


def _json(*lines: str) -> str:
    return "\n".join(('{"x": "one", "y": "a"}', '{"x": "two", "y": "b"}', *lines))


JSON: dict[str, Broken] = {
    "JSON cut off": Broken(
        table(_json('{"x": "thr'), "data.jsonl"), Refused("data.jsonl:3", "not JSON", "one object a line")
    ),
    "JSON nested deeply": Broken(
        table(_json(f'{{"x": {_DEEP}}}'), "data.jsonl"), Refused("data.jsonl:3", "nested too deep", "flatten it")
    ),
    "JSON with a list in a cell": Broken(
        table(_json('{"x": [1], "y": "a"}'), "data.jsonl"),
        Refused("data.jsonl:3: x", "a list or an object", "flatten it"),
    ),
    "JSON with a key twice": Broken(
        table(_json('{"x": 1, "x": 2}'), "data.jsonl"),
        Refused("data.jsonl:3", "a key stands there twice", "remove one"),
    ),
    "JSON lists": Broken(
        table("[1, 2]\n[3, 4]\n", "data.jsonl"), Refused("data.jsonl:1", "no JSON object", "one object a line")
    ),
    "JSON of one array": Broken(
        table(json.dumps([{"x": 1, "y": "a"}, {"x": 2, "y": "b"}], indent=1), "data.json"),
        Refused("data.json:1", "not JSON", "one object a line"),
    ),
    "JSON of empty objects": Broken(
        table("{}\n{}\n", "data.jsonl"), Refused("data.jsonl", "is empty", "put the data there")
    ),
    "JSON with half a letter": Broken(
        table(_json(r'{"x": "\ud800", "y": "a"}'), "data.jsonl"),
        Refused("data.jsonl:3: x", "half a letter", "write it"),
    ),
    "JSON with numbers beyond all bounds": Broken(
        table('{"x": NaN, "y": "a"}\n{"x": 1e999, "y": "b"}\n{"x": ' + "9" * 5_000 + ', "y": "a"}', "data.jsonl"),
        Read([("NaN", "a"), ("1e999", "b"), ("9" * 5_000, "a")]),
    ),
}
