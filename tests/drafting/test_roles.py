from __future__ import annotations

import uuid
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tasks.drafting.pipeline import init_pipeline
from tests.drafting.small_tables import NUM_ROWS, columns_of_kind, init, noise, of_kind, project_in, run_stages
from tests.small_tables import image

NUMBERS = range(NUM_ROWS)


def with_column(name: str, values: object) -> pl.DataFrame:
    return noise().insert_column(0, pl.Series(name, list(values)))  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("row", [number + 17 for number in NUMBERS]),
        ("row", list(reversed(NUMBERS))),
        ("ticket", [str(uuid.UUID(int=number << 80)) for number in NUMBERS]),
        ("ticket", [f"T-{number:05}" for number in NUMBERS]),
        ("ticket id", [number * 37 % 99_991 for number in NUMBERS]),
    ],
)
def test_what_only_says_which_row_it_is_gets_the_role_id(tmp_path: Path, name: str, values: list[object]) -> None:
    draft = init(tmp_path, with_column(name, values))
    assert columns_of_kind(draft, "identifier") == [name]
    assert draft.decisions.role(name) == "id"


def test_rows_that_stand_there_twice_make_no_feature_of_the_column_that_names_them(tmp_path: Path) -> None:
    rows = with_column("customer", [f"K-{number:05}" for number in NUMBERS])
    draft = init(tmp_path, pl.concat([rows, rows.head(12)]))
    assert draft.decisions.role("customer") == "id"


def test_texts_that_have_no_word_in_common_are_no_feature(tmp_path: Path) -> None:
    draft = init(tmp_path, with_column("thing", [f"a{number:x}b c{number:x}d" for number in NUMBERS]))
    assert draft.decisions.role("thing") == "id"
    assert "words of its own in each row" in of_kind(draft, "identifier")[0].message


@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(0).normal(size=NUM_ROWS).tolist(),
        [f"a note about thing {number} of many" for number in NUMBERS],
        [number * 37 % 99_991 for number in NUMBERS],
    ],
)
def test_amounts_and_notes_are_no_identifiers_though_each_is_another(tmp_path: Path, values: list[object]) -> None:
    draft = init(tmp_path, with_column("thing", values))
    assert draft.decisions.role("thing") == "feature"


@pytest.mark.parametrize("values", [["x"] * NUM_ROWS, [5] * NUM_ROWS, [None] * NUM_ROWS, [1.5] + [None] * 599])
def test_a_column_that_says_nothing_is_left_out(tmp_path: Path, values: list[object]) -> None:
    draft = init(tmp_path, with_column("thing", values))
    assert columns_of_kind(draft, "constant") == ["thing"]
    assert draft.decisions.role("thing") == "id"


def test_a_column_that_is_mostly_empty_or_nearly_the_same_is_told_and_kept(tmp_path: Path) -> None:
    gaps = [number if number % 3 == 0 else None for number in NUMBERS]
    draft = init(tmp_path, with_column("gaps", gaps).with_columns(rare=pl.Series(["x", *["y"] * 599])))
    assert columns_of_kind(draft, "mostly_empty") == ["gaps"]
    assert "missing in 400 rows (66.7 %)" in of_kind(draft, "mostly_empty")[0].message
    assert columns_of_kind(draft, "near_constant") == ["rare"]
    assert {"gaps", "rare"} <= set(draft.decisions.features)


def test_whole_numbers_with_few_values_may_be_codes(tmp_path: Path) -> None:
    draft = init(tmp_path, with_column("season", [number % 4 + 1 for number in NUMBERS]))
    assert columns_of_kind(draft, "codes") == ["season"]


def test_a_column_that_says_train_and_test_is_the_split(tmp_path: Path) -> None:
    draft = init(tmp_path, with_column("fold", ["train", "train", "test"] * 200))
    assert columns_of_kind(draft, "given_split") == ["fold"]
    assert "split: {kind: given, column: fold, validation: 0.15, seed: 0, key: [" in draft.block


def test_the_only_feature_is_kept_whatever_it_is(tmp_path: Path) -> None:
    draft = init(tmp_path, pl.DataFrame({"row": NUMBERS, "outcome": ["a", "b"] * 300}))
    assert draft.decisions.features == ("row",)
    assert "kept all the same" in of_kind(draft, "identifier")[0].message


@pytest.mark.parametrize(("num_again", "is_id"), [(1, True), (6, True), (60, False)])
def test_a_code_that_hardly_ever_repeats_is_an_id(tmp_path: Path, num_again: int, is_id: bool) -> None:
    # The second `num_again` rows have the codes of the first.
    numbers = [number - num_again if num_again <= number < 2 * num_again else number for number in NUMBERS]
    codes = [f"C{10_000 + number}" for number in numbers]
    draft = init(tmp_path, noise().insert_column(0, pl.Series("customer_code", codes)))
    assert (draft.decisions.role("customer_code") == "id") == is_id
    if num_again == 1:
        (finding,) = of_kind(draft, "identifier")
        told = "such as C10000; one value stands there before: C10000. First: `C10000` at rows.csv:2."
        assert finding.message.endswith(told)


def test_text_without_a_word_that_comes_again_is_left_out(tmp_path: Path) -> None:
    names = pl.Series("name", [f"W{n}x{n * n} of Q{n * 7}z" if n % 3 else None for n in NUMBERS])
    draft = init(tmp_path, noise().with_columns(name=names, twice=pl.Series([f"K{n // 2} L{n // 2}" for n in NUMBERS])))
    # Of words that stand in two rows each, hundreds are learnt.
    assert draft.decisions.role("twice") == "feature"
    rows = noise().with_columns(name=pl.Series([f"W{n}x{n * n} Q{n * 7}z" if n % 3 else None for n in NUMBERS]))
    assert init(tmp_path, rows).decisions.role("name") == "id"


@pytest.mark.parametrize("written", ["{}%", "${:,}.50", "{} kg"])
def test_numbers_with_a_unit_are_no_text_without_words(tmp_path: Path, written: str) -> None:
    growth = [written.format(1_000_003 * (n + 1) % 999_983) for n in NUMBERS]
    draft = init(tmp_path, noise().with_columns(growth=pl.Series(growth)), target="outcome")
    assert draft.decisions.role("growth") == "feature"
    assert "mostly free text" not in draft.decisions.choice.reason


def test_bytes_that_show_nothing_are_left_out_and_the_run_goes_through(tmp_path: Path) -> None:
    rows = noise().with_columns(digest=pl.Series([f"{number:08}".encode() for number in NUMBERS]))
    rows.write_parquet(tmp_path / "rows.parquet")
    draft = init_pipeline(project_in(tmp_path), "mine", str(tmp_path / "rows.parquet"), "outcome")
    [finding] = of_kind(draft, "opaque")
    assert finding.message.startswith("digest holds bytes that are no picture and no sound: left out")
    run_stages(tmp_path, "normalize")


def test_a_picture_among_damaged_ones_is_one_all_the_same(tmp_path: Path) -> None:
    scans = [image([[7, 9], [1, 200]]) if number == 3 else b"damaged" for number in NUMBERS]
    noise().with_columns(scan=pl.Series(scans)).write_parquet(tmp_path / "rows.parquet")
    draft = init_pipeline(project_in(tmp_path), "mine", str(tmp_path / "rows.parquet"), "outcome", dry_run=True)
    assert "scan" in draft.decisions.features
