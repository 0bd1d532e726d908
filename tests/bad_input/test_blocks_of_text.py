"""Delimited text is read in blocks of bytes: the rows are those that Python's csv module finds, sign by sign."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tasks.errors import UserError
from tasks.params.sources import TableSource
from tasks.sources.formats import encoding
from tasks.sources.formats.delimited import open_delimited
from tasks.sources.packed import plain_entry

Rows = list[tuple[int, list[str]]]
"""Each with the number of its first line."""

TEXTS = st.text(st.sampled_from('",;\t|\r\n a1é'), min_size=1, max_size=60)
LINES = st.lists(
    st.sampled_from(["a,1", '"a",1', '"a,\n",é', '"a""",', ",", "", "a,1,1", "é", '"a', 'a",1']), max_size=12
)
BLOCKS = st.sampled_from([1, 2, 3, 7, 64])
SOME = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def found(text: str, *, quoted: bool) -> Rows | str:
    """All rows, or the complaint."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "data.csv"
        file.write_bytes(text.encode())
        quoting = "double" if quoted else "none"
        config = TableSource(kind="table", path="data.csv", separator=",", quoting=quoting, header=False)
        try:
            opened = open_delimited(plain_entry(file, "data.csv", "data.csv"), config, None)
            unpadded = replace(opened, dialect=replace(opened.dialect, padded=False))
            return [
                (int(number), list(row))
                for frame, numbers in unpadded.numbered_frames()
                for number, row in zip(numbers, frame.rows(), strict=True)
            ]
        except UserError as error:
            return str(error)


def lines_of(text: str) -> list[str]:
    """Without byte order marks where they begin; with a NUL for a carriage return that ends no line: for Python it
    would."""
    text = re.sub("(^|\n)\ufeff+", r"\1", text)
    end = "\n" if "\n" in text else "\r"
    lines = [line for line in re.split(f"(?<={end})", text) if line]
    return [re.sub("\r(?!\n?$)", "\0", line) if end == "\n" else line.replace("\r", "\n") for line in lines]


def expected(text: str, *, quoted: bool) -> Iterator[tuple[int, int, list[str]]]:
    """Rows that are not blank, nor of empty cells alone, each with its first and its last line. Raises csv.Error where
    there is none."""
    quoting = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    reader = csv.reader(lines_of(text), strict=True, quoting=quoting)
    first = 1
    for row in reader:
        if row and (len(row) == 1 or any(cell.strip(" ") for cell in row)):
            yield first, reader.line_num, [cell.replace("\0", "\r") for cell in row]
        first = reader.line_num + 1


def same(text: str, *, quoted: bool) -> None:
    """The rows are those that Python reads, or refused; refused only for ragged rows or quotes out of place."""
    rows = found(text, quoted=quoted)
    try:
        reference = list(expected(text, quoted=quoted))
    except csv.Error:
        assert isinstance(rows, str)
        return
    width = len(reference[0][2]) if reference else 0
    ragged = next((line for _, line, row in reference if len(row) != width), None)
    if ragged is not None:
        assert isinstance(rows, str)
        assert '"' in text or rows.startswith(f"data.csv:{ragged}: ")
    elif not isinstance(rows, str):
        # Where no line feed ends a line, carriage returns may, and one within a cell may come as either.
        ends_by_return = "\n" not in text
        read = [(line, [cell.replace("\r", "\n") for cell in row] if ends_by_return else row) for line, row in rows]
        assert read == [(line, row) for line, _, row in reference]
    else:
        assert "quotes do not wrap whole cells" in rows or not reference


@SOME
@given(TEXTS | LINES.map("\n".join) | LINES.map("\r\n".join), BLOCKS, st.booleans())
@example("a,b\r\n" + "é,1\r\n" * 50, 7, True)
@example('a,b\n"1\r\n2",3\n', 1, True)
@example("a,1\n\ufeffb,2\n\r,3\n", 1, False)
@example("11111,\r,,\r\r", 3, False)
@example('"\r"', 1, True)
def test_blocks_hold_the_rows_that_python_reads(
    monkeypatch: pytest.MonkeyPatch, text: str, num_bytes: int, quoted: bool
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(encoding, "_BLOCK", num_bytes)
        same(text, quoted=quoted)


@SOME
@given(st.integers(0, 30), st.integers(0, 30), BLOCKS)
def test_a_ragged_line_is_named_wherever_blocks_are_cut(
    monkeypatch: pytest.MonkeyPatch, num_before: int, num_after: int, num_bytes: int
) -> None:
    lines = chain(["a,b"], ["x,1"] * num_before, ['"two\nlines",1'], ["x"], ["x,1"] * num_after)
    with monkeypatch.context() as patch:
        patch.setattr(encoding, "_BLOCK", num_bytes)
        complaint = found("\n".join(lines), quoted=True)
    assert isinstance(complaint, str)
    assert complaint.startswith(f"data.csv:{num_before + 4}: 1 cell, where the first row has 2")


@SOME
@given(st.integers(1, 9), st.lists(st.text(st.sampled_from("éa\x1e\t"), max_size=4), min_size=1, max_size=9))
def test_separators_of_two_bytes_are_found_wherever_blocks_are_cut(
    monkeypatch: pytest.MonkeyPatch, num_bytes: int, cells: list[str]
) -> None:
    text = "aßb\n" + "".join(f"{cell}ß{cell}\n" for cell in cells)
    with TemporaryDirectory() as folder, monkeypatch.context() as patch:
        patch.setattr(encoding, "_BLOCK", num_bytes)
        file = Path(folder) / "data.csv"
        file.write_bytes(text.encode())
        config = TableSource(kind="table", path="data.csv", separator="ß", quoting="none", header=True)
        frames = open_delimited(plain_entry(file, "data.csv", "data.csv"), config, None).frames()
        assert [row for frame in frames for row in frame.rows()] == [(cell, cell) for cell in cells if cell]
