from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.errors import UserError
from tasks.params.sources import TableSource
from tasks.sources import source
from tests.small_tables import place
from tests.workbooks import Day, write_workbook

pytest.importorskip("fastexcel")


def read(root: Path, **more: Any) -> pl.DataFrame:
    return pl.concat(source(TableSource(kind="table", path="book.xlsx", **more), place(root)).parts())


def settings(root: Path, **more: Any) -> dict[str, Any]:
    return source(TableSource(kind="table", path="book.xlsx", **more), place(root)).settings()


def test_cells_come_to_the_last_digit(tmp_path: Path) -> None:
    numbers = [math.pi, 1e-12, 0.1 + 0.2, 3.0, -1.5, 1e300, 123456789012345.0]
    # Among words as well, where the whole column is text to any reader of columns.
    rows = [["alone", "mixed"], *([number, number] for number in numbers), [2.5, "none"]]
    write_workbook(tmp_path / "book.xlsx", {"May": rows})
    table = read(tmp_path)
    assert [float(cell) for cell in table["alone"]] == [*numbers, 2.5]
    assert [float(cell) for cell in table["mixed"][:-1]] == numbers


def test_text_dates_and_truth_values_are_as_they_are_shown(tmp_path: Path) -> None:
    rows = [["code", "day", "paid", "id"], ["007", Day(45000), True, "2023552585717888193"]]
    rows += [["1.50", Day(45001.5), False, "2023552585717888194"], ["1e5", None, None, None]]
    write_workbook(tmp_path / "book.xlsx", {"May": rows})
    assert read(tmp_path).rows() == [
        ("007", "2023-03-15 00:00:00", "true", "2023552585717888193"),
        ("1.50", "2023-03-16 12:00:00", "false", "2023552585717888194"),
        ("1e5", None, None, None),
    ]


def test_a_time_of_day_is_on_no_day(tmp_path: Path) -> None:
    write_workbook(tmp_path / "book.xlsx", {"May": [["began", "n"], [Day(0.25), 1], [Day(0.5 + 1 / 86400), 2]]})
    assert read(tmp_path)["began"].to_list() == ["06:00:00", "12:00:01"]


def test_rows_and_columns_of_blanks_are_none(tmp_path: Path) -> None:
    rows = {1: ["a", "b"], 2: [1, 2], 3: [" ", None], 4: [None, 4], 9: {"A": " ", "H": " "}}
    write_workbook(tmp_path / "book.xlsx", {"May": rows, "empty": []})
    table = read(tmp_path)
    assert (table.columns, table.rows()) == (["a", "b"], [("1", "2"), (None, "4")])


def test_a_sheet_that_reaches_too_far_is_refused_before_it_is_read(tmp_path: Path) -> None:
    write_workbook(tmp_path / "book.xlsx", {"a": [], "May": {1: ["a"], 2: [1], 1_048_576: {"XFD": " "}}})
    with pytest.raises(UserError, match="May: reaches to row 1,048,576 and column 16,384"):
        read(tmp_path, sheet="May")


def test_title_header_and_sheet_are_found_and_can_be_given(tmp_path: Path) -> None:
    rows = [["Sales of May"], [], ["office", "size", "price"], *([f"o{n}", n % 5, n / 7] for n in range(30))]
    write_workbook(tmp_path / "book.xlsx", {"May": rows, "empty": []})
    assert settings(tmp_path) == {"sheet": "May", "header": True, "skip_lines": 2}
    assert read(tmp_path, skip_lines=2).columns == ["office", "size", "price"]
    with pytest.raises(UserError, match="the first row names 1 of 3 columns, as a title does"):
        read(tmp_path)
    assert read(tmp_path, skip_lines=3, header=False, names=("x", "y", "z")).height == 30


def test_rows_without_a_header_are_found(tmp_path: Path) -> None:
    write_workbook(tmp_path / "book.xlsx", {"May": [[n, n % 5] for n in range(30)]})
    assert settings(tmp_path) == {"sheet": "May", "header": False}
    assert read(tmp_path, header=False).shape == (30, 2)


def test_rows_are_numbered_as_the_sheet_shows_them(tmp_path: Path) -> None:
    rows = {3: ["Sales of May"], 5: ["size", "price"], 6: [1, 2], 8: [3, 4], 9: [5, 6]}
    write_workbook(tmp_path / "book.xlsx", {"May": rows})
    config = TableSource(kind="table", path="book.xlsx", skip_lines=3)
    [(part, origins)] = source(config, place(tmp_path)).located_parts()
    assert part.rows() == [("1", "2"), ("3", "4"), ("5", "6")]
    assert [origins.place(row) for row in range(3)] == [f"book.xlsx: May, row {number}" for number in (6, 8, 9)]
