from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.drafting.small_tables import NUM_ROWS, columns_of_kind, init, noise, numbers, of_kind

DICE = np.random.default_rng(1)


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        (pl.col("first") + pl.col("second"), "first + second = total in every row"),
        (pl.col("first") - pl.col("second"), "first - second = total in every row"),
        (pl.col("second") - pl.col("first"), "second - first = total in every row"),
    ],
)
def test_two_columns_that_add_up_to_the_target_are_left_out(tmp_path: Path, formula: pl.Expr, message: str) -> None:
    draft = init(tmp_path, numbers().with_columns(total=formula), target="total")
    assert columns_of_kind(draft, "leak") == ["first", "second"]
    assert of_kind(draft, "leak")[0].message.startswith(message)
    assert draft.decisions.features == ("third",)


def test_a_column_that_is_the_target_is_left_out(tmp_path: Path) -> None:
    draft = init(tmp_path, numbers().with_columns(total=pl.col("first") * 1.0), target="total")
    assert draft.decisions.features == ("second", "third")


def test_when_one_row_in_ten_differs_it_is_no_sum(tmp_path: Path) -> None:
    total = pl.col("first") + pl.col("second") + pl.when(pl.int_range(pl.len()) % 10 == 0).then(5_000).otherwise(0)
    draft = init(tmp_path, numbers().with_columns(total=total), target="total")
    assert not of_kind(draft, "leak")


def test_small_amounts_are_told_apart_and_their_sums_found(tmp_path: Path) -> None:
    amounts = {name: pl.Series(DICE.uniform(1, 9, NUM_ROWS) * 1e-10) for name in ("area", "gap", "charge")}
    rows = pl.DataFrame(amounts)
    assert not of_kind(init(tmp_path, rows, target="charge"), "leak")
    sums = rows.with_columns(total=pl.col("area") + pl.col("gap"))
    assert init(tmp_path, sums, target="total").decisions.features == ("charge",)


@pytest.mark.parametrize("size", [1e-308, 1e300])
def test_numbers_of_any_size_are_leaks_for_what_they_tell_alone(tmp_path: Path, size: float) -> None:
    charge = DICE.normal(size=NUM_ROWS)
    rows = pl.DataFrame({"area": DICE.normal(size=NUM_ROWS), "fee": 2 * charge + 1, "charge": charge}) * size
    assert columns_of_kind(init(tmp_path, rows, target="charge"), "leak") == ["fee"]


def test_a_column_that_gives_each_class_another_name_is_left_out(tmp_path: Path) -> None:
    draft = init(tmp_path, noise().with_columns(verdict=pl.col("outcome").replace({"bad": "B", "good": "G"})))
    assert draft.decisions.target.name == "outcome"
    assert columns_of_kind(draft, "leak") == ["verdict"]
    assert draft.decisions.role("verdict") == "id"


def test_marks_of_the_rarer_class_are_left_out(tmp_path: Path) -> None:
    is_broken = np.arange(NUM_ROWS) % 12 == 0
    by_heat = is_broken & (np.arange(NUM_ROWS) % 24 == 0)
    marks = {"by_heat": by_heat * 1, "by_wear": (is_broken & ~by_heat) * 1, "is_new": DICE.integers(0, 2, NUM_ROWS)}
    rows = noise().drop("outcome").with_columns(**{name: pl.Series(mark) for name, mark in marks.items()})
    draft = init(tmp_path, rows.with_columns(failure=pl.Series(is_broken * 1)))
    assert columns_of_kind(draft, "leak") == ["by_heat", "by_wear"]
    assert "is_new" in draft.decisions.features


def test_a_column_that_predicts_almost_perfectly_is_only_suspected(tmp_path: Path) -> None:
    is_good = (noise()["outcome"] == "good").to_numpy()
    draft = init(tmp_path, noise().with_columns(hint=pl.Series((is_good * 5 + DICE.uniform(0, 4, NUM_ROWS)).round(3))))
    assert columns_of_kind(draft, "leak") == ["hint"]
    assert "alone predicts outcome almost perfectly" in of_kind(draft, "leak")[0].message
    assert "hint" in draft.decisions.features
    assert "hint: {type: number} # or {type: number, role: id}" in draft.block


def test_a_good_feature_is_no_leak(tmp_path: Path) -> None:
    is_good = (noise()["outcome"] == "good").to_numpy()
    draft = init(tmp_path, noise().with_columns(hint=pl.Series((is_good * 2 + DICE.normal(size=NUM_ROWS)).round(3))))
    assert not of_kind(draft, "leak")


def test_the_only_feature_is_kept_though_it_leaks(tmp_path: Path) -> None:
    draft = init(tmp_path, noise().select(copy=pl.col("outcome").str.to_uppercase(), outcome="outcome"))
    assert draft.decisions.features == ("copy",)
    assert "kept, as there is no other column" in of_kind(draft, "leak")[0].message


def test_infinite_numbers_add_up_to_nothing(tmp_path: Path) -> None:
    infinite = [float("inf") if number % 50 == 0 else float(DICE.normal()) for number in range(NUM_ROWS)]
    rows = numbers().with_columns(
        first=pl.Series(infinite), second=pl.Series(infinite), total=DICE.normal(size=NUM_ROWS)
    )
    assert columns_of_kind(init(tmp_path, rows, target="total"), "leak") == []
