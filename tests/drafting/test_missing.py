from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from ruamel.yaml import YAML

from tests.drafting.small_tables import NUM_ROWS, columns_of_kind, init, noise, of_kind


def with_cell(column: str, cell: str, every: int = 9) -> pl.DataFrame:
    rows = noise()
    changed = [cell if number % every == 0 else str(value) for number, value in enumerate(rows[column])]
    return rows.with_columns(pl.Series(column, changed))


@pytest.mark.parametrize("cell", ["?", "NA", "null", "#N/A"])
def test_a_well_known_sign_counts_as_missing_in_every_column(tmp_path: Path, cell: str) -> None:
    for column in ("width", "shape"):
        draft = init(tmp_path, with_cell(column, cell))
        source = YAML(typ="safe").load(draft.block)["mine"]["ingest"]["source"]
        assert source["missing"] == ["", cell]
        assert draft.facts.state(column).num_missing == 67
        assert f"`{cell}` stands for a missing value: {column} (67)." in [finding.message for finding in draft.findings]


@pytest.mark.parametrize("cell", ["-", "none", "unknown", "n.d.", "vacant", " "])
def test_a_word_among_numbers_counts_as_missing_there_alone(tmp_path: Path, cell: str) -> None:
    draft = init(tmp_path, with_cell("width", cell, 20))
    ingest = YAML(typ="safe").load(draft.block)["mine"]["ingest"]
    assert ingest["columns"]["width"] == {"type": "number", "missing": [cell]}
    assert draft.facts.types["width"] == "number"


@pytest.mark.parametrize("cell", ["-", "none", "unknown"])
def test_a_word_among_words_stays(tmp_path: Path, cell: str) -> None:
    draft = init(tmp_path, with_cell("shape", cell))
    assert not of_kind(draft, "missing")
    assert draft.facts.state("shape").num_missing == 0


def test_na_among_codes_of_two_letters_may_be_namibia(tmp_path: Path) -> None:
    codes = pl.Series("country", ["NA", "DE", "FR", "US"] * (NUM_ROWS // 4))
    assert not of_kind(init(tmp_path, noise().with_columns(codes)), "missing")


def test_numbers_written_in_other_ways_are_no_sign(tmp_path: Path) -> None:
    assert not of_kind(init(tmp_path, with_cell("width", "<5", 20)), "missing")


def test_a_sign_that_comes_late_is_found(tmp_path: Path) -> None:
    num_rows = 60_000
    width = [f"{number % 977}" for number in range(num_rows - 5)] + ["?"] * 5
    rows = pl.DataFrame({"width": width, "outcome": ["a", "b"] * (num_rows // 2)})
    draft = init(tmp_path, rows)
    assert draft.facts.types["width"] == "number"
    assert draft.facts.state("width").num_missing == 5


@pytest.mark.parametrize("value", [-999, -200, 9999, -1])
def test_a_number_far_from_all_others_is_proposed_and_not_assumed(tmp_path: Path, value: int) -> None:
    width = [value if number % 20 == 0 else 10 + number % 90 for number in range(NUM_ROWS)]
    draft = init(tmp_path, noise().with_columns(pl.Series("width", width)))
    assert columns_of_kind(draft, "sentinel") == ["width"]
    assert f"is {value} in 30 rows" in of_kind(draft, "sentinel")[0].message.replace(",", "")
    assert f'width: {{type: number}} # or {{type: number, missing: ["{value}"]}}' in draft.block
    assert "missing" not in YAML(typ="safe").load(draft.block)["mine"]["ingest"]["columns"]["width"]


@pytest.mark.parametrize("value", ["-999.9", "-99.99", "9999.9", "-9.9"])
def test_a_sentinel_may_have_fractions(tmp_path: Path, value: str) -> None:
    # Between 0 and 2, so that all of them are far away.
    width = [value if number % 20 == 0 else f"{number % 20 / 10}" for number in range(NUM_ROWS)]
    draft = init(tmp_path, noise().with_columns(pl.Series("width", width)), target="outcome")
    assert columns_of_kind(draft, "sentinel") == ["width"]
    assert f'missing: ["{value}"]' in draft.block


def test_a_sentinel_in_the_target_is_told_with_its_share(tmp_path: Path) -> None:
    level = [-200.0 if number % 5 == 0 else 3 + number % 97 / 10 for number in range(NUM_ROWS)]
    draft = init(tmp_path, noise().drop("outcome").with_columns(level=pl.Series(level)), target="level")
    [finding] = of_kind(draft, "sentinel")
    assert finding.columns == ("level",)
    assert "level is -200 in 120 rows (20.0 %), far from all other values" in finding.message
    assert 'missing: ["-200.0"]' in draft.block
    assert "allow for them by clean: {max_quarantined: 0.35}" in finding.message


@pytest.mark.parametrize("value", [-200, -99, -1])
def test_the_only_number_below_0_is_told_though_the_others_reach_farther(tmp_path: Path, value: int) -> None:
    level = [value if number % 6 == 0 else 3 + number % 97 * 15 for number in range(NUM_ROWS)]
    draft = init(tmp_path, noise().with_columns(level=pl.Series(level)), target="outcome")
    assert columns_of_kind(draft, "sentinel") == ["level"]


@pytest.mark.parametrize(("values", "is_sign"), [((95, 100), False), ((0, -999), True)])
def test_beside_one_other_value_only_a_long_sign_is_far(tmp_path: Path, values: tuple[int, int], is_sign: bool) -> None:
    width = [values[number % 5 == 0] for number in range(NUM_ROWS)]
    draft = init(tmp_path, noise().with_columns(pl.Series("width", width)))
    assert bool(of_kind(draft, "sentinel")) == is_sign


@pytest.mark.parametrize("value", [-1, 99])
def test_a_number_beside_the_others_is_none(tmp_path: Path, value: int) -> None:
    width = [value if number % 20 == 0 else number % 101 - 5 for number in range(NUM_ROWS)]
    assert not of_kind(init(tmp_path, noise().with_columns(pl.Series("width", width))), "sentinel")


@pytest.mark.parametrize("value", ["-999.9", "-99.99", "9999.9", "-888.8"])
def test_signs_may_have_fractions(tmp_path: Path, value: str) -> None:
    width = [value if number % 20 == 0 else f"{10 + number % 40}.5" for number in range(NUM_ROWS)]
    draft = init(tmp_path, noise().with_columns(pl.Series("width", width)))
    assert f'width: {{type: number}} # or {{type: number, missing: ["{value}"]}}' in draft.block


def test_several_signs_of_a_column_are_told_together(tmp_path: Path) -> None:
    signs = {0: "-999", 1: "-888.8", 2: "9999"}
    width = [signs.get(number % 20, f"{10 + number % 40}.5") for number in range(NUM_ROWS)]
    draft = init(tmp_path, noise().with_columns(pl.Series("width", width)))
    [sentinel] = of_kind(draft, "sentinel")
    assert sentinel.message.startswith(
        "width is -999 in 30 rows (5.0 %) and -888.8 in 30 rows (5.0 %) and 9999 in 30 rows (5.0 %), far from all"
    )
    assert sentinel.proposal == 'missing: ["-999", "-888.8", "9999"]'


@pytest.mark.parametrize("values", [[99.0, 100.0, 88.0], [-9.0, -8.0, 1.0], [100.0, 200.0, 300.0]])
def test_numbers_among_their_like_are_no_signs(tmp_path: Path, values: list[float]) -> None:
    width = [values[number % 3] + (number % 7) * 10 for number in range(NUM_ROWS)]
    assert not of_kind(init(tmp_path, noise().with_columns(pl.Series("width", width))), "sentinel")
