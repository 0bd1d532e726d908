from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tasks.command.drafts import show_draft
from tasks.paths import Project
from tests.drafting.small_tables import NUM_ROWS, init, noise


def shown(root: Path, capsys: pytest.CaptureFixture[str], rows: pl.DataFrame, **more: bool) -> str:
    show_draft(init(root, rows, **more), Project(root=root))
    return capsys.readouterr().out


def test_columns_choice_warnings_and_the_next_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = noise().insert_column(0, pl.Series("[sex]", ["m", None] * (NUM_ROWS // 2)))
    page = shown(tmp_path, capsys, rows, dry_run=False)
    line = next(line for line in page.splitlines() if line.startswith("[sex]"))
    assert line.split() == ["[sex]", "category", "feature", "50.0", "%", "1", "m"]
    assert "target  outcome, binary (guessed: its name says so)." in page
    assert "lightgbm on 4 columns" in page
    assert "sensitive: [sex] may be" in page
    assert "wrote expectations/mine.json" in page
    assert "modelwright run mine" in page


def test_names_and_cells_are_text_on_the_console(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A terminal would move its cursor, or colour what follows, by what a file holds."""
    rows = noise().insert_column(
        0, pl.Series("\x1b[31mred", ["\x1b[2Jgone", "\x07bell", None, "[bold]"] * (NUM_ROWS // 4))
    )
    page = shown(tmp_path, capsys, rows, dry_run=True)
    assert not {sign for sign in page if not sign.isprintable()} - {"\n"}
    assert r"\x1b[31mred" in page
    assert r"\x1b[2Jgone" in page


def test_a_dry_run_shows_the_block(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = shown(tmp_path, capsys, noise())
    assert "not written as this is a dry run" in page
    assert "  mine: # " in page
    assert "modelwright run" not in page


def test_a_wide_table_is_not_shown_in_full(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wide = noise().with_columns(**{f"extra_{number}": pl.col("width") + number for number in range(60)})
    assert "... and 24 more" in shown(tmp_path, capsys, wide)
