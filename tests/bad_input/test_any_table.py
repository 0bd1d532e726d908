"""Whatever cells a table has, and however Python's csv module writes it: the same cells come back, or a UserError."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from tasks.errors import UserError
from tasks.params.sources import TableSource
from tasks.sources import source
from tests.small_tables import place

SOME = settings(max_examples=300, deadline=None)

Rows = list[list[str]]
Written = tuple[Rows, str, dict[str, Any]]
"""The rows, the text that Python made of them, and the settings that it was made with."""

QUOTINGS = [csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC, csv.QUOTE_NONE]
ANY_CELL = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8),
    st.text(st.sampled_from('"",;\t|\r\n\\\'\x1f\u2028\ufeff é1'), max_size=8),
    st.sampled_from(["", " ", "0", "NA", "z" * 70_000]),
)
WORDS = st.text(st.sampled_from('ab1."\n é'), max_size=5)


def tables(cells: st.SearchStrategy[str], narrowest: int = 1) -> st.SearchStrategy[Rows]:
    """Rows below a header."""
    return st.integers(narrowest, 4).flatmap(
        lambda width: st.lists(st.lists(cells, min_size=width, max_size=width), min_size=1, max_size=6).map(
            lambda rows: [[f"name {number}" for number in range(width)], *rows]
        )
    )


@st.composite
def written(draw: st.DrawFn, separators: str = ',;\t|:é"\x1f') -> Written:
    rows = draw(tables(ANY_CELL))
    dialect = {
        "delimiter": draw(st.sampled_from(separators)),
        "quoting": draw(st.sampled_from(QUOTINGS)),
        "lineterminator": draw(st.sampled_from(["\n", "\r\n", "\r"])),
        "doublequote": draw(st.booleans()),
        "escapechar": draw(st.sampled_from([None, "\\"])),
        "quotechar": draw(st.sampled_from('"""\'')),
    }
    text = as_python_writes(rows, dialect)
    assume(text is not None and as_python_reads(text, dialect) == rows)
    assert text is not None
    # Where a line begins, such a mark is one of a joined file, and no content.
    assume("\n\ufeff" not in text)
    return rows, text, dialect


def as_python_writes(rows: Rows, dialect: dict[str, Any]) -> str | None:
    """None when Python refuses: without an escape sign, not every cell can be written."""
    text = io.StringIO(newline="")
    try:
        csv.writer(text, **dialect).writerows(rows)
    except (csv.Error, ValueError):
        return None
    return text.getvalue()


def as_python_reads(text: str, dialect: dict[str, Any]) -> Rows | None:
    """Not always what it wrote: it puts no quotes around the line ends of other systems."""
    try:
        return list(csv.reader(io.StringIO(text, newline=""), strict=True, **dialect))
    except csv.Error:
        return None


def read(text: str, **more: Any) -> Rows | None:
    """The names and the rows; None when they are refused."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "data.csv").write_bytes(text.encode())
        config = TableSource(kind="table", path="data.csv", missing=(), **more)
        try:
            frames = list(source(config, place(Path(folder))).parts())
        except UserError:
            return None
        columns = frames[0].columns if frames else []
        return [columns, *(list(row) for frame in frames for row in frame.rows())]


AGREED: dict[str, Any] = {
    "quoting": csv.QUOTE_MINIMAL,
    "lineterminator": "\n",
    "doublequote": True,
    "escapechar": None,
    "quotechar": '"',
}
"""RFC 4180: what `quoting: double` stands for."""


def is_as_agreed(dialect: dict[str, Any]) -> bool:
    return dialect["delimiter"] != '"' and all(
        dialect[name] == AGREED[name] for name in ("doublequote", "escapechar", "quotechar")
    )


def with_content(rows: Rows) -> Rows:
    """The header and the rows; those of empty cells alone are none, and without rows there is no batch to be named."""
    below = [row for row in rows[1:] if len(row) == 1 or any(cell.strip(" ") for cell in row)]
    return [rows[0], *below] if below else [[]]


def is_plain(dialect: dict[str, Any]) -> bool:
    """With ends of lines and separators that cells can hold as well: nothing of it need be refused."""
    return dialect["lineterminator"] != "\r" and dialect["delimiter"].isascii()


REFUSED = (None, [[]])
"""By the source, or by ingest, as a table without rows: where lines end in a carriage return, and a line feed stands in
quotes, that one is taken for the end of a line."""


@SOME
@given(written())
@example(([["a", "b"], ["", '"\n']], 'a,b\r,"""\n"\r', AGREED | {"delimiter": ",", "lineterminator": "\r"}))
@example(([["a", "b"], ["1\r2", "3"]], 'a,b\r"1\r2",3\r', AGREED | {"delimiter": ",", "lineterminator": "\r"}))
@example(([["a", "b"], ["\x1f", "3"]], 'aéb\n"\x1f"é3\n', AGREED | {"delimiter": "é"}))
def test_cells_come_back_when_it_is_said_how_they_are_written(table: Written) -> None:
    rows, text, dialect = table
    found = read(text, separator=dialect["delimiter"], quoting="double", header=True)
    if is_as_agreed(dialect):
        assert found == with_content(rows) or (found in REFUSED and not is_plain(dialect))


@st.composite
def unsaid(draw: st.DrawFn) -> Written:
    """Tables of which the text tells how they are written: no other sign looks like a separator.

    Of a single column nobody can tell whether a line break in quotes is one: each line is a row as well.
    """
    separator = draw(st.sampled_from(",;\t|"))
    rows = draw(tables(WORDS | st.text(st.sampled_from(f'a"{separator}'), max_size=4), narrowest=2))
    quoting, line_end = draw(st.sampled_from(QUOTINGS[:3])), draw(st.sampled_from(["\n", "\r\n"]))
    dialect = AGREED | {"delimiter": separator, "quoting": quoting, "lineterminator": line_end}
    text = as_python_writes(rows, dialect)
    assert text is not None
    return rows, text, dialect


@SOME
@given(unsaid())
def test_cells_come_back_when_it_is_found_out_how_they_are_written(table: Written) -> None:
    rows, text, dialect = table
    found = read(text, header=True)
    assert found == with_content(rows) or (found is None and dialect["quoting"] == csv.QUOTE_MINIMAL)
