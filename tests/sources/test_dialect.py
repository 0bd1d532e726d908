from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tasks.errors import UserError
from tasks.params.sources import TableSource
from tasks.sources import source
from tasks.sources.formats.line_starts import with_blank_lines, without_marks
from tests.small_tables import place


def read(content: bytes | str, **more: Any) -> pl.DataFrame:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "data.csv").write_bytes(content.encode() if isinstance(content, str) else content)
        rows = source(TableSource(kind="table", path="data.csv", **{"missing": (), **more}), place(Path(folder)))
        return pl.concat(rows.parts())


def refused(content: bytes | str, **more: Any) -> str:
    with pytest.raises(UserError) as caught:
        read(content, **more)
    return str(caught.value)


def written(rows: list[list[str]], **dialect: Any) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, **dialect).writerows(rows)
    return text.getvalue()


CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
CELLS_ON_A_LINE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n"), max_size=8)
TRICKY = st.text(st.sampled_from('"",;\t| a1'), max_size=6)
SEPARATORS = st.sampled_from(",;\t|")


def tables(cells: st.SearchStrategy[str]) -> st.SearchStrategy[list[list[str]]]:
    return st.integers(2, 4).flatmap(
        lambda width: st.lists(st.lists(cells, min_size=width, max_size=width), min_size=1, max_size=6)
    )


def headed(rows: list[list[str]]) -> list[list[str]]:
    return [["first", "second", "third", "fourth"][: len(rows[0])], *rows]


def filled(rows: list[list[str]]) -> list[list[str]]:
    """Rows of blanks alone are none."""
    return [row for row in rows if any(cell.strip(" ") for cell in row)]


@settings(deadline=None)
@given(tables(CELLS | st.text(st.sampled_from('"",;\t|\r\n a1'), max_size=8)), SEPARATORS)
def test_cells_in_quotes_come_back_whatever_they_hold(rows: list[list[str]], separator: str) -> None:
    assume(filled(rows))
    table = read(written(headed(rows), quoting=csv.QUOTE_ALL, delimiter=separator))
    assert [list(row) for row in table.rows()] == filled(rows)
    assert table.columns == headed(rows)[0]


@settings(deadline=None)
@given(tables(CELLS_ON_A_LINE | TRICKY), SEPARATORS)
def test_cells_in_quotes_where_need_be_come_back(rows: list[list[str]], separator: str) -> None:
    # A name among the cells is the sign of a table without names.
    assume(not set(headed(rows)[0]) & {cell for row in rows for cell in row})
    assume(filled(rows))
    table = read(written(headed(rows), delimiter=separator))
    assert [list(row) for row in table.rows()] == filled(rows)


@settings(deadline=None)
@given(tables(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n\t"), max_size=8)))
def test_cells_come_back_as_they_are_where_quotes_are_signs(rows: list[list[str]]) -> None:
    assume(filled(rows))
    content = "\n".join("\t".join(row) for row in headed(rows)) + "\n"
    assert [list(row) for row in read(content, quoting="none").rows()] == filled(rows)


def test_unbalanced_quotes_swallow_no_rows() -> None:
    rows = [["ham", '"Hello'], ["ham", "in between"], ["spam", 'bye"'], ["ham", 'say "x" now'], ["ham", "last"]]
    content = "".join("\t".join(row) + "\n" for row in rows)
    assert read(content, names=("label", "text")).rows() == [tuple(row) for row in rows]
    assert read(content.replace('say "x" now', "none here"), names=("label", "text")).height == 5
    assert read("label\ttext\n" + content).height == 5


def test_line_breaks_in_quotes_are_part_of_the_cell() -> None:
    table = read('id,note\n1,"two\nlines, and, commas"\n2,"she said ""no"""\n')
    assert table.rows() == [("1", "two\nlines, and, commas"), ("2", 'she said "no"')]


def test_quotes_that_fit_on_their_line_wrap_cells() -> None:
    assert read('a,b\n"x",1\n"y",2\n').rows() == [("x", "1"), ("y", "2")]
    assert read('a,b\nx "big",1\ny,2\n').rows() == [('x "big"', "1"), ("y", "2")]


def test_quoting_can_be_given() -> None:
    assert read('a,b\n"x",1\n', quoting="none").rows() == [('"x"', "1")]
    assert read('a,b\n1,"x\n2,y"\n').height == 2
    assert read('a,b\n1,"x\n2,y"\n', quoting="double").rows() == [("1", "x\n2,y")]


def test_an_open_quote_is_said_where_it_stands() -> None:
    assert "data.csv:3: the row that begins here" in refused('a,b\n"1,5",x\n2,"y\n3,z\n', quoting="double")
    assert "data.csv:3" in refused('a,b\n"1,5",x\n2,"y\n"3,5",z\n4,4\n')


@pytest.mark.parametrize("separator", list(",;\t|"))
def test_separator_is_found_out(separator: str) -> None:
    content = "a~b~c\n1,5~x y~2\n2,5~x; y~3\n".replace(",", "." if separator == "," else ",").replace("~", separator)
    if separator == ";":
        content = content.replace("x; y", "x, y")
    assert read(content).shape == (2, 3)


def test_separator_can_be_given() -> None:
    assert read("a b\n1 2\n", separator=" ").rows() == [("1", "2")]


def test_a_space_after_every_separator_is_none_of_the_cell() -> None:
    assert read('39, State-gov, "a, b"\n50, Private, c\n\n').rows() == [
        ("39", "State-gov", "a, b"),
        ("50", "Private", "c"),
    ]
    assert read("a,b\n1, x\n").rows() == [("1", " x")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_encoding_is_found_out(encoding: str) -> None:
    table = read("größe,wert\nÄrmel,5\n".encode(encoding))
    assert (table.columns, table.rows()) == (["größe", "wert"], [("Ärmel", "5")])


def test_encoding_can_be_given() -> None:
    assert read("a,b\nЖ,1\n".encode("koi8-r"), encoding="koi8-r").rows() == [("Ж", "1")]
    assert read("a,b\nЖ,1\n".encode("utf-8-sig"), encoding="UTF-8").columns == ["a", "b"]


def test_refuses_an_encoding_that_is_not_that_of_the_file() -> None:
    assert "data.csv: not utf-8: " in refused("a,b\né,1\n".encode("cp1252"), encoding="utf-8")
    assert "encoding klingon is unknown" in refused("a,b\n", encoding="klingon")
    assert "not utf-16" in refused("a,b\n1,2\n", encoding="utf-16")
    assert "holds NUL bytes" in refused(b"a,b\n1,\0\n")
    assert "neither UTF-8 nor Windows-1252" in refused(b"a,b\n\x81\x8d,1\n")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_line_end_will_do(end: str) -> None:
    assert read(end.join(["a,b", "1,x", "", '2,"y"', ""])).rows() == [("1", "x"), ("2", "y")]


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        ("a,b\n1,x\n", ["a", "b"]),
        ("name,note\nAnn,x\n", ["name", "note"]),
        ("1,x\n2,y\n", ["column_1", "column_2"]),
        ("ham,one\nham,two\nspam,three\n", ["column_1", "column_2"]),
    ],
)
def test_header_is_found_out(content: str, columns: list[str]) -> None:
    assert read(content).columns == columns


def test_header_can_be_given() -> None:
    assert read("2019,2020\n1,2\n", header=True).columns == ["2019", "2020"]
    assert read("a,b\nc,d\n", header=False).height == 2


@pytest.mark.parametrize(("row", "cells"), [("1", "1 cell"), ("1,2,3", "3 cells")])
def test_a_ragged_row_is_said_with_its_line(row: str, cells: str) -> None:
    assert refused(f"a,b\n1,2\n{row}\n").startswith(f"data.csv:3: {cells}, where the first row has 2; ")


def test_a_long_cell_is_no_mistake() -> None:
    assert read(f'a,b\n"{"x" * 200_000}",1\n')["a"].str.len_chars().item() == 200_000


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "SEP=;", "\ufeffsep=;"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_excels_line_of_the_separator_is_no_row(first: str, end: str) -> None:
    # The comma stands more often than the semicolon: only the first line tells.
    table = read(end.join([first, "a;b", "1,2,3;x", "4,5,6;y"]) + end)
    assert (table.columns, table.rows()) == (["a", "b"], [("1,2,3", "x"), ("4,5,6", "y")])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
def test_a_byte_order_mark_is_no_content_wherever_a_line_begins(encoding: str) -> None:
    content = "\ufeff# by hand\n\ufeffa;b\n1;2\n\ufeff3;4\n\ufeff\ufeff5;\ufeff6\n"
    table = read(content.encode(encoding), encoding=encoding, comment="#")
    assert table.columns == ["a", "b"]
    # In the midst of a line it is a sign like any other.
    assert table.rows() == [("1", "2"), ("3", "4"), ("5", "\ufeff6")]


@pytest.mark.parametrize("size", range(1, 9))
def test_marks_are_taken_out_wherever_blocks_end(size: int) -> None:
    content = "\ufeffa\n\ufeffb\n\n\ufeff\ufeffc\n\ufeff".encode()
    blocks = [content[start : start + size] for start in range(0, len(content), size)]
    assert b"".join(without_marks(blocks)) == b"a\nb\n\nc\n"
    assert b"".join(with_blank_lines(blocks, 2)).startswith(b"\n\n\n")
    assert b"".join(with_blank_lines(blocks, 9)) == b"\n" * 4


def test_lines_above_the_header_are_skipped_and_lines_keep_their_numbers() -> None:
    content = "Sales, by the office\nof May\na,b\n1,2\n3,4\n"
    assert read(content, skip_lines=2).rows() == [("1", "2"), ("3", "4")]
    assert refused(content + "5\n", skip_lines=2).startswith("data.csv:6: 1 cell,")


def test_a_title_does_not_name_a_column() -> None:
    content = "Sales of May,,\na,b,c\n1,2,3\n"
    message = refused(content)
    assert "the first row names 1 of 3 columns, as a title does" in message
    assert read(content, skip_lines=1).columns == ["a", "b", "c"]
    assert read(content, names=("x", "y", "z")).columns == ["x", "y", "z"]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("empty", [";;", " ; ;  ", '"";"";""', '" ";;', ";"])
def test_rows_of_empty_cells_are_no_rows(empty: str, end: str) -> None:
    lines = ["a;b;c", "1;2;3", empty, ";;4", empty, empty]
    assert read(end.join([*lines, ""])).rows() == [("1", "2", "3"), ("", "", "4")]
    assert read(end.join(lines)).height == 2


def test_lines_behind_empty_rows_keep_their_numbers() -> None:
    assert refused("a;b\n1;2\n;\n;\n3\n").startswith("data.csv:5: 1 cell,")


@pytest.mark.parametrize("row", ['";";', '"""";', ';";"'])
def test_a_separator_or_a_quote_in_quotes_is_content(row: str) -> None:
    assert read(f"a;b\n1;2\n{row}\n").height == 2


def test_empty_rows_do_not_take_a_table_of_one_column_its_missing_values() -> None:
    assert read('a\n1\n""\n2\n').height == 3
