from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.params.sources import TableSource
from tasks.sources import source
from tests.small_tables import place


def settings(root: Path, content: str, encoding: str = "utf-8") -> dict[str, Any]:
    (root / "data.csv").write_bytes(content.encode(encoding))
    return source(TableSource(kind="table", path="data.csv"), place(root)).settings()


def test_says_how_the_file_is_written(tmp_path: Path) -> None:
    assert settings(tmp_path, "name;size\nAnn;1\nBo;2\n") == {"separator": ";", "encoding": "utf-8", "header": True}
    assert settings(tmp_path, 'Ärmel\t"1"\nÄrmel\t"2"\n', "cp1252") == {
        "separator": "\t",
        "quoting": "double",
        "encoding": "cp1252",
        "header": False,
    }


@pytest.mark.parametrize(
    ("cells", "decimal", "thousands"),
    [
        (["1,5", "20,25", "-3"], ",", None),
        (["1.250", "20.117", "30.480", "987"], ",", "."),
        (["1,250", "20,117", "30,480", "987"], ".", ","),
        # No whole number beside them: 20,117 is a fraction as well.
        (["1,250", "20,117", "7,301"], ",", None),
        (["0,250", "20,117", "30,480", "987"], ",", None),
        (["1.250", "20.117", "30.480", "5000"], ".", None),
        (["12,34,567", "1,00,000.5", "7"], ".", ","),
        (["1.234,5", "20,25", "1.000.000"], ",", "."),
        (["1 234,5", "20,25", "3"], ",", " "),
        (["1\u00a0234,5", "20,25", "3"], ",", " "),
        (["1\u202f234.5", "\u221220.25", "3"], ".", " "),
        (["1.234,5", "(20,25)", "\u22123"], ",", "."),
        (["\u22121.5", "(20.25)", "3"], ".", None),
        (["1,234.5", "20.25", "3"], ".", ","),
        (["1'234.5", "20.25", "3"], ".", "'"),
        (["1.5", "20.25", "3"], ".", None),
        (["1,5", "20,25", "NA"], ",", None),
        (["1,5", "two, and a half", "three, or so"], ".", None),
        (["10.05.2024", "11.05.2024", "12.05.2024"], ".", None),
    ],
)
def test_finds_the_format_of_numbers(tmp_path: Path, cells: list[str], decimal: str, thousands: str | None) -> None:
    content = "name;size\n" + "".join(f"n{place};{cell}\n" for place, cell in enumerate(cells))
    found = settings(tmp_path, content)
    assert (found.get("decimal", "."), found.get("thousands")) == (decimal, thousands)


def test_numbers_of_another_format_are_read_by_it(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("a;b\n1.234,5;x\n;y\n-2;z\n")
    config = TableSource(kind="table", path="data.csv", decimal=",", thousands=".")
    rows = source(config, place(tmp_path))
    assert pl.concat(rows.parts())["a"].to_list() == ["1.234,5", None, "-2"]
    assert (rows.numbers.decimal, rows.numbers.thousands) == (",", ".")


@pytest.mark.parametrize("mark", ["#", "%", "//", "|"])
def test_lines_that_are_no_rows_are_comments(tmp_path: Path, mark: str) -> None:
    content = f"{mark} made by hand, in May\n{mark} with care\na;b\n1;2\n3;4\n5;6\n7;8\n9;10\n1;1\n2;2\n"
    found = settings(tmp_path, content)
    assert found["comment"] == mark[: len(found["comment"])]
    config = TableSource(kind="table", path="data.csv", comment=found["comment"])
    assert pl.concat(source(config, place(tmp_path)).parts()).shape == (7, 2)


def test_a_header_behind_a_mark_is_no_comment(tmp_path: Path) -> None:
    assert "comment" not in settings(tmp_path, "#id;size\n1;2\n3;4\n")
    assert "comment" not in settings(tmp_path, "#1;2\n#2;3\n#3;4\n")


@pytest.mark.parametrize(
    "content",
    [
        # Texts that begin with the mark, one of them with commas of its own.
        "text,label\n" + '"#sale, now",a\n"#new",b\n"well, yes",a\n' * 9,
        # A cell of several lines.
        'text,label\n"two lines\n# of one",a\n' + '"one",b\n' * 20,
        # A row that lacks a cell is a fault to be said.
        "text,label\n#one\n" + "two,b\n" * 20,
        # Above the table as a note, and further down as a row.
        "# made by hand\ntext,label\n" + "one,b\n" * 2_000 + "#two,a\n",
    ],
)
def test_a_mark_that_begins_a_row_begins_no_comment(tmp_path: Path, content: str) -> None:
    assert "comment" not in settings(tmp_path, content)


@pytest.mark.parametrize(
    ("above", "num_lines"),
    [
        ("Sales of May\n", 1),
        ("Sales of May,,,\n,,,\n", 2),
        ('"Sales, of May",,,\n\nby the office,,,\n', 3),
        ("# made by hand\nSales\n", 2),
        # As spreadsheets save them, with a pair of cells among them.
        ("Sales of May,,,\nCreated,2024-05-01,,\n,,,\n", 3),
        ("", 0),
    ],
)
def test_lines_above_the_header_are_found(tmp_path: Path, above: str, num_lines: int) -> None:
    rows = "".join(f"{number},{number % 7},b{number % 3},{number}.5\n" for number in range(40))
    found = settings(tmp_path, f"{above}id,size,name,price\n{rows}")
    assert (found.get("skip_lines", 0), found["header"], found["separator"]) == (num_lines, True, ",")
    config = TableSource(kind="table", path="data.csv", skip_lines=num_lines)
    assert pl.concat(source(config, place(tmp_path)).parts()).columns == ["id", "size", "name", "price"]


def test_a_first_row_that_lacks_cells_is_no_title(tmp_path: Path) -> None:
    assert "skip_lines" not in settings(tmp_path, "1,,\n" + "2,3,4\n" * 9)


def test_blanks_separate_when_nothing_else_does(tmp_path: Path) -> None:
    assert settings(tmp_path, "A11 6 A34 1\nA12 48 A32 2\nA14 12 A34 1\n")["separator"] == " "
    assert settings(tmp_path, "Ann Bo\nCy Dee\n")["separator"] == ","


def test_a_line_that_lacks_the_other_of_two_cells_is_a_title(tmp_path: Path) -> None:
    rows = "".join(f"#tag {number},{'ab'[number % 2]}\n" for number in range(30))
    assert settings(tmp_path, f"#my notes\ntext,label\n{rows}")["skip_lines"] == 1
    assert "skip_lines" not in settings(tmp_path, f"only text,\ntext,label\n{rows}")
