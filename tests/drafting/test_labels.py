from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

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


def test_many_duplicates_raise_the_limit_of_clean_and_most_are_kept(tmp_path: Path) -> None:
    draft = init(tmp_path, pl.concat([noise(), noise().head(200)]))
    assert "clean: {max_quarantined: 0.4}" in draft.block
    assert "clean: {duplicates: keep" in init(tmp_path, pl.concat([noise()] * 3)).block


def test_a_handful_of_rows_is_too_few(tmp_path: Path) -> None:
    assert of_kind(init(tmp_path, noise(num_rows=30)), "too_few_rows")
    assert not of_kind(init(tmp_path, noise()), "too_few_rows")
