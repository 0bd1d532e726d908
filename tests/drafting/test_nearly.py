from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from ruamel.yaml import YAML

from tasks import files
from tasks.drafting.pipeline import DraftedPipeline, init_pipeline
from tasks.drafting.suite import suite_of_source
from tasks.params.file import load_pipeline
from tasks.paths import Project
from tests.drafting.small_tables import NUM_ROWS, init, noise, of_kind, project_in, run_stages


def with_cells(column: str, cells: dict[int, str], values: list[str] | None = None) -> pl.DataFrame:
    """The noise with other cells at these rows, from 0; of a column that it lacks, `values` are the others."""
    rows = noise()
    written = values or [str(value) for value in rows[column]]
    return rows.with_columns(pl.Series(column, [cells.get(row, value) for row, value in enumerate(written)]))


def settings(draft: DraftedPipeline, column: str) -> dict[str, Any]:
    of_columns: dict[str, Any] = YAML(typ="safe").load(draft.block)["mine"]["ingest"].get("columns") or {}
    return of_columns.get(column) or {}


@pytest.mark.parametrize("cell", ["ERR", "12.5V", "sensor fault", "<5", "1.2.3", "O.5", "N.N."])
def test_one_cell_among_numbers_leaves_them_numbers_and_is_told_with_its_line(tmp_path: Path, cell: str) -> None:
    draft = init(tmp_path, with_cells("width", {149: cell}))
    assert draft.facts.types["width"] == "number"
    assert settings(draft, "width")["missing"] == [cell]
    [finding] = of_kind(draft, "nearly_numbers")
    assert finding.is_warning
    assert f"width is a number in 599 of 600 rows; the others hold `{cell}` (1 row, first " in finding.message
    assert "rows.csv:151)" in finding.message
    assert "Take `missing` out of width: {type: number, ...} to set such rows aside instead" in finding.message


def test_several_cells_are_told_with_their_rows(tmp_path: Path) -> None:
    cells = {3: "ERR", 90: "ERR", 7: "off", 10: "?"}
    draft = init(tmp_path, with_cells("width", cells))
    [finding] = of_kind(draft, "nearly_numbers")
    assert "in 596 of 599 rows" in finding.message
    assert "`ERR` (2 rows, first " in finding.message
    assert settings(draft, "width")["missing"] == ["ERR", "off"]
    # A well-known sign is one for the whole source, as ever.
    assert [finding.columns for finding in of_kind(draft, "missing")] == [("width",)]


@pytest.mark.parametrize(
    ("column", "every", "right", "num_others"),
    [("width", 8, "number", 75), ("day", 20, "timestamp", 30)],
)
def test_more_other_cells_than_a_list_can_hold_make_words_and_are_told_and_the_advice_works(
    tmp_path: Path, column: str, every: int, right: str, num_others: int
) -> None:
    days = [f"2021-{1 + row % 12:02}-{1 + row % 28:02}" for row in range(NUM_ROWS)]
    others = {row: f"about {row}" for row in range(0, NUM_ROWS, every)}
    rows = with_cells(column, others, days if column == "day" else None)
    draft = init(tmp_path, rows, target="outcome", dry_run=False)
    assert draft.facts.types[column] == "text"
    [finding] = of_kind(draft, f"nearly_{'dates' if right == 'timestamp' else 'numbers'}")
    assert f"is a {right} in {NUM_ROWS - num_others} of 600 rows; the {num_others} others, such as" in finding.message
    assert "rows.csv:2), make words of all" in finding.message
    limit = re.search(r"validate: \{max_quarantined: [0-9.]+\}", finding.message)
    assert limit is not None
    params = tmp_path / "params.yaml"
    advised = re.sub(rf"\n( +){column}: \{{.*\}}", rf"\n\1{column}: {{type: {right}}}", params.read_text())
    params.write_text(advised.replace("validate: {}", limit.group()))
    # The suite is drafted anew, as `expect --write --retype` does.
    ingest = load_pipeline(params, "mine").ingest
    project = Project(root=tmp_path)
    files.write_json(project.pipeline("mine").suite, suite_of_source(project, "mine", ingest))
    paths = run_stages(tmp_path, "validate")
    assert pl.read_parquet(paths.valid / "*.parquet").height == NUM_ROWS - num_others


def test_words_are_no_numbers_though_many_numbers_are_among_them(tmp_path: Path) -> None:
    draft = init(tmp_path, with_cells("width", {row: f"about {row}" for row in range(0, NUM_ROWS, 3)}))
    assert draft.facts.types["width"] == "text"
    assert not of_kind(draft, "nearly_numbers")


@pytest.mark.parametrize(
    ("values", "cells"),
    [
        ([f"{85_000 + n % 300}" for n in range(NUM_ROWS)], {5: "85123A", 9: "C85100"}),
        ([f"{n % 90:04}" for n in range(NUM_ROWS)], {5: "A012"}),
    ],
)
def test_codes_with_letters_stay_codes(tmp_path: Path, values: list[str], cells: dict[int, str]) -> None:
    draft = init(tmp_path, with_cells("width", cells, values))
    assert draft.facts.types["width"] in ("category", "text")
    assert not of_kind(draft, "nearly_numbers")


@pytest.mark.parametrize(
    ("written", "cell"),
    [("2024-{m:02}-{d:02}", "2024-13-45"), ("{d:02}.{m:02}.2024", "soon"), ("{m:02}/{d:02}/2024 10:30", "10:30")],
)
def test_one_cell_among_dates_leaves_them_dates(tmp_path: Path, written: str, cell: str) -> None:
    days = [written.format(d=n % 28 + 1, m=n % 12 + 1) for n in range(NUM_ROWS)]
    draft = init(tmp_path, with_cells("shape", {20: cell}, days))
    assert draft.facts.types["shape"] == "timestamp"
    assert settings(draft, "shape")["missing"] == [cell]
    [finding] = of_kind(draft, "nearly_dates")
    assert f"shape is a timestamp in 599 of 600 rows; the others hold `{cell}` (1 row, first " in finding.message


@pytest.mark.parametrize("kind", ["number", "date"])
def test_a_cell_that_comes_late_among_many_rows_is_found(tmp_path: Path, kind: str) -> None:
    num_rows = 60_000
    good = [f"{n % 977}" if kind == "number" else f"2024-{n % 12 + 1:02}-{n % 28 + 1:02}" for n in range(num_rows - 1)]
    rows = pl.DataFrame({"width": [*good, "late"], "outcome": ["a", "b"] * (num_rows // 2)})
    draft = init(tmp_path, rows)
    assert draft.facts.types["width"] == ("number" if kind == "number" else "timestamp")
    [finding] = of_kind(draft, "nearly_numbers" if kind == "number" else "nearly_dates")
    assert f"rows.csv:{num_rows + 1})" in finding.message


def test_a_line_without_numbers_is_a_second_header(tmp_path: Path) -> None:
    rows = noise().select(pl.all().cast(pl.String))
    units = pl.DataFrame([{"width": "mm", "height": "kg", "shape": "round", "outcome": "bad"}])
    draft = init(tmp_path, pl.concat([units, rows]))
    assert [draft.facts.types[name] for name in ("width", "height")] == ["number", "number"]
    [finding] = of_kind(draft, "second_header")
    assert finding.columns == ("width", "height")
    assert "rows.csv:2 has no values in columns of numbers or dates: width `mm`, height `kg`" in finding.message
    assert settings(draft, "height")["missing"] == ["kg"]


def test_rows_without_lines_are_told_by_number(tmp_path: Path) -> None:
    with_cells("width", {149: "ERR"}).write_parquet(tmp_path / "rows.parquet")
    draft = init_pipeline(project_in(tmp_path), "mine", str(tmp_path / "rows.parquet"), dry_run=True)
    assert "rows.parquet, row 150)" in of_kind(draft, "nearly_numbers")[0].message


def test_columns_of_words_are_no_dates(tmp_path: Path) -> None:
    texts = [f"order {n} of May {n % 30}, 2024 was late" for n in range(NUM_ROWS)]
    draft = init(tmp_path, with_cells("shape", {}, texts))
    assert draft.facts.types["shape"] == "text"
    assert not of_kind(draft, "nearly_dates")
