from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tasks.drafting.pipeline import DraftedPipeline, init_pipeline
from tests.drafting.small_tables import NUM_ROWS, init, noise, of_kind, project_in, run_stages

AMOUNTS = [float(1000 + 37 * place % 90_000) for place in range(3, 300)]


def amounts(root: Path, sign: str, separator: str, *given: str, dry_run: bool = True) -> DraftedPipeline:
    cells = [f"{amount:,.0f}".replace(",", sign) for amount in AMOUNTS]
    rows = [f'"{cell}"{separator}{place % 7}{separator}{"yn"[place % 2]}' for place, cell in enumerate(cells)]
    (root / "rows.csv").write_text("\n".join([f"amount{separator}visits{separator}kept", *rows, ""]))
    return init_pipeline(project_in(root), "mine", str(root / "rows.csv"), "kept", settings=given, dry_run=dry_run)


@pytest.mark.parametrize(
    ("sign", "separator", "reading", "other"),
    [
        (",", ",", "thousands", "--set decimal=,"),
        (",", ";", "a fraction", "--set decimal=. --set thousands=,"),
        (".", ";", "a fraction", "--set decimal=, --set thousands=."),
    ],
)
def test_numbers_that_may_be_thousands_or_fractions_are_told_and_the_advice_works(
    tmp_path: Path, sign: str, separator: str, reading: str, other: str
) -> None:
    draft = amounts(tmp_path, sign, separator)
    [finding] = of_kind(draft, "ambiguous_numbers")
    assert finding.message.endswith(f"it is read as {reading}. If it is the other, `init {other}`.")
    fractions = [amount / 1000 for amount in AMOUNTS]
    is_fraction = reading == "a fraction"
    assert draft.facts.sample["amount"].to_list() == (fractions if is_fraction else AMOUNTS)
    advised = amounts(tmp_path, sign, separator, *other.replace("--set ", "").split())
    assert advised.facts.sample["amount"].to_list() == (AMOUNTS if is_fraction else fractions)
    assert not of_kind(advised, "ambiguous_numbers")


def test_fractions_of_programs_are_no_question(tmp_path: Path) -> None:
    assert not of_kind(amounts(tmp_path, ".", ","), "ambiguous_numbers")


def test_rows_with_amounts_of_their_own_are_not_the_same_though_all_else_repeats(tmp_path: Path) -> None:
    draft = amounts(tmp_path, ",", ",", dry_run=False)
    assert not of_kind(draft, "duplicates")
    assert "clean: {}" in draft.block
    run_stages(tmp_path)


@pytest.mark.parametrize("cells", [["00:51:14", "12:03:01"], ["7:05", "23:59"], ["101:00:00.5", "2:00:00"]])
def test_times_of_day_and_durations_are_told(tmp_path: Path, cells: list[str]) -> None:
    values = pl.Series([f"{cells[number % 2][:-1]}{number % 10}" for number in range(NUM_ROWS)])
    draft = init(tmp_path, noise().insert_column(0, values.alias("took")))
    [finding] = of_kind(draft, "clock_times")
    assert "took holds times of day or durations" in finding.message


def test_words_are_no_times_of_day(tmp_path: Path) -> None:
    assert not of_kind(init(tmp_path, noise()), "clock_times")
