from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.drafting.small_tables import NUM_ROWS, columns_of_kind, init, noise, numbers, of_kind

NUMBERS = range(NUM_ROWS)


def test_a_label_over_several_columns_is_said_and_none_of_it_is_a_feature(tmp_path: Path) -> None:
    kinds = {f"kind_{kind}": pl.Series([int(number % 6 % 4 == kind) for number in NUMBERS]) for kind in range(4)}
    draft = init(tmp_path, numbers().with_columns(**kinds))
    assert draft.decisions.target.name == "kind_0"
    assert columns_of_kind(draft, "one_hot_label") == ["kind_1", "kind_2", "kind_3"]
    assert set(draft.decisions.features) == {"first", "second", "third"}


def test_columns_of_0_and_1_that_do_not_add_up_are_features(tmp_path: Path) -> None:
    dice = np.random.default_rng(0)
    flags = {f"flag_{flag}": pl.Series(dice.integers(0, 2, NUM_ROWS)) for flag in range(4)}
    assert not of_kind(init(tmp_path, numbers().with_columns(**flags), target="flag_0"), "one_hot_label")


def test_imbalance_is_said_with_its_numbers(tmp_path: Path) -> None:
    outcome = pl.Series("outcome", ["rare" if number % 20 == 0 else "usual" for number in NUMBERS])
    draft = init(tmp_path, noise().with_columns(outcome))
    assert "rare has 30 of 600 rows (5.0 %)" in of_kind(draft, "imbalance")[0].message
    assert "evaluate: {positive: rare}" in draft.block
    assert not of_kind(init(tmp_path, noise()), "imbalance")


def test_classes_with_next_to_no_rows_are_set_aside(tmp_path: Path) -> None:
    outcome = pl.Series("outcome", [["a", "b"][number % 2] for number in range(NUM_ROWS - 10)] + ["c"] * 7 + ["d"] * 3)
    draft = init(tmp_path, noise().with_columns(outcome))
    assert "c (7), d (3); d count as missing" in of_kind(draft, "few_in_class")[0].message
    assert "outcome: {missing: [d]}" in draft.block


def test_of_two_classes_none_is_set_aside(tmp_path: Path) -> None:
    draft = init(tmp_path, noise().with_columns(pl.Series("outcome", ["a"] * 597 + ["b"] * 3)))
    assert of_kind(draft, "few_in_class")
    assert "missing: [b]" not in draft.block


def test_rows_that_stand_there_before_are_counted_without_identifiers(tmp_path: Path) -> None:
    rows = pl.concat([noise(), noise().head(30)])
    draft = init(tmp_path, rows.insert_column(0, pl.Series("row", range(rows.height))))
    assert of_kind(draft, "duplicates")[0].message == "30 rows (4.8 %) stand there before, row aside."
    draft = init(tmp_path, pl.concat([noise(), noise().head(1)]))
    assert of_kind(draft, "duplicates")[0].message == "1 row (0.2 %) stands there before."


def test_many_duplicates_raise_the_limit_of_clean_and_most_are_kept(tmp_path: Path) -> None:
    draft = init(tmp_path, pl.concat([noise(), noise().head(200)]))
    assert "clean: {max_quarantined: 0.4}" in draft.block
    assert "clean: {duplicates: keep" in init(tmp_path, pl.concat([noise()] * 3)).block


def test_equal_rows_of_few_values_are_events_and_copies_are_not(tmp_path: Path) -> None:
    dice = np.random.default_rng(0)
    answers = {f"q{number}": dice.integers(1, 4, 600) for number in range(4)}
    survey = pl.DataFrame({**answers, "outcome": dice.choice(["bad", "good"], 600)})
    # 81 combinations of answers: chance alone makes nearly as many equal rows.
    draft = init(tmp_path, survey)
    assert "key: [q0, q1, q2, q3], repeats: apart}" in draft.block
    assert "clean: {duplicates: keep}" in draft.block
    # Whether a tenth of such rows was written twice, nobody can say; of numbers that hardly repeat, one can.
    assert "repeats: apart" in init(tmp_path, pl.concat([survey, survey.head(60)])).block
    assert "repeats" not in init(tmp_path, pl.concat([noise()] * 3)).block
    assert "duplicates" not in init(tmp_path, pl.concat([noise(), noise().head(60)])).block.split("clean:")[1]
    # An id tells them apart.
    with_ids = survey.insert_column(0, pl.Series("order_id", [f"A{number:05}" for number in range(600)]))
    assert "repeats" not in init(tmp_path, with_ids).block


@pytest.mark.parametrize("values", [["rome", "oslo", "bonn"], ["rome", "oslo"]])
def test_a_table_of_a_few_different_rows_is_cut_by_rows(tmp_path: Path, values: list[str]) -> None:
    dice = np.random.default_rng(1)
    town = dice.choice(values, 600)
    is_good = dice.random(600) < np.where(town == "rome", 0.8, 0.3)
    draft = init(tmp_path, pl.DataFrame({"town": town, "outcome": np.where(is_good, "good", "bad")}))
    assert not of_kind(draft, "too_few_rows")
    assert "repeats: apart" in draft.block


def test_a_handful_of_rows_is_too_few(tmp_path: Path) -> None:
    assert of_kind(init(tmp_path, noise(num_rows=30)), "too_few_rows")
    assert not of_kind(init(tmp_path, noise()), "too_few_rows")
