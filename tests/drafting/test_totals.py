from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest

from tasks.drafting.pipeline import init_pipeline
from tests.drafting.small_tables import of_kind, project_in
from tests.workbooks import write_workbook

ROWS = [(f"{'NSEW'[number % 4]}", number * 37 % 101 + 0.5, number % 7) for number in range(120)]
SUMS = (sum(row[1] for row in ROWS), sum(row[2] for row in ROWS))


def table(*last: object) -> str:
    return "\n".join(["region,sales,visits", *(",".join(map(str, row)) for row in (*ROWS, last)), ""])


@pytest.mark.parametrize("word", ["Total", "TOTAL:", "Summe", "Grand total", "Average"])
def test_a_row_of_totals_is_told_and_the_advice_leaves_it_out(tmp_path: Path, word: str) -> None:
    file = tmp_path / "rows.csv"
    file.write_text(table(word, *SUMS))
    draft = init_pipeline(project_in(tmp_path), "mine", str(file), "sales", dry_run=True)
    [finding] = of_kind(draft, "total_row")
    assert f"rows.csv:122, the last row, says `{word}` in region and adds up sales, visits: " in finding.message
    given = re.search(r"`init --set '(.*)'`", finding.message)
    assert given is not None
    advised = init_pipeline(project_in(tmp_path), "mine", str(file), "sales", settings=[given[1]], dry_run=True)
    assert advised.facts.num_rows == len(ROWS)
    assert not of_kind(advised, "total_row")


def test_the_last_row_of_a_sheet_is_told_with_its_number(tmp_path: Path) -> None:
    pytest.importorskip("fastexcel")
    rows = [["region", "sales", "visits"], *(list(row) for row in ROWS), ["Total", SUMS[0], None]]
    write_workbook(tmp_path / "book.xlsx", {"May": rows})
    draft = init_pipeline(project_in(tmp_path), "mine", str(tmp_path / "book.xlsx"), "sales", dry_run=True)
    [finding] = of_kind(draft, "total_row")
    assert "May, row 122, the last row, says `Total` in region and adds up sales: " in finding.message
    assert finding.message.endswith("Take it out of the source.")


@pytest.mark.parametrize("last", [("N", 3.5, 1), ("Totally Foods", 3.5, 1)])
def test_other_last_rows_are_like_all(tmp_path: Path, last: tuple[object, ...]) -> None:
    (tmp_path / "rows.csv").write_text(table(*last))
    assert not of_kind(init_pipeline(project_in(tmp_path), "mine", str(tmp_path / "rows.csv"), "sales"), "total_row")


def test_a_word_that_other_rows_have_is_a_value(tmp_path: Path) -> None:
    rows = pl.DataFrame({"fuel": ["total", "part"] * 60, "size": range(120), "y": ["a", "b", "b"] * 40})
    rows.reverse().write_csv(tmp_path / "rows.csv")
    assert not of_kind(init_pipeline(project_in(tmp_path), "mine", str(tmp_path / "rows.csv"), "y"), "total_row")
