from __future__ import annotations

import polars as pl
import pytest

from tasks.columns.category import MAX_CATEGORIES, MAX_LENGTH, CategoryColumn, CategoryEncoding
from tasks.params import NormalizeCategory

CATEGORY = CategoryColumn()


def learnt(values: list[str | None], **settings: object) -> CategoryEncoding:
    chosen = NormalizeCategory.model_validate(settings)
    return CATEGORY.finish(CATEGORY.fit(pl.Series("x", values, dtype=pl.String), chosen), chosen)


def codes(encoding: CategoryEncoding, values: list[str | None]) -> list[int]:
    ordinal = encoding.model_copy(update={"encode": "ordinal"})
    return CATEGORY.transform(pl.Series("x", values, dtype=pl.String), ordinal)[:, 0].astype(int).tolist()


def test_class_1_is_class_1_however_it_was_written_and_whatever_stands_beside() -> None:
    assert CATEGORY.cast(pl.Series("x", [1.0, 2.0, None])).to_list() == ["1", "2", None]
    assert CATEGORY.cast(pl.Series("x", [1.0, 1.5, -0.0])).to_list() == ["1", "1.5", "0"]
    assert CATEGORY.cast(pl.Series("x", [1, None])).to_list() == ["1", None]
    assert CATEGORY.cast(pl.Series("x", [True, False, None])).to_list() == ["true", "false", None]
    assert CATEGORY.cast(pl.Series("x", ["1.0", "a"])).to_list() == ["1.0", "a"]
    assert CATEGORY.cast(pl.Series("x", [1.0], dtype=pl.Float32)).to_list() == ["1"]


def test_numbers_that_no_integer_can_hold_are_names_too() -> None:
    assert CATEGORY.cast(pl.Series("x", [1e300, float("inf"), 3.0])).to_list() == ["1e+300", "inf", "3"]


def test_many_or_long_values_are_no_categories() -> None:
    assert CATEGORY.could_be(pl.Series("x", [str(number) for number in range(MAX_CATEGORIES)]))
    assert not CATEGORY.could_be(pl.Series("x", [str(number) for number in range(MAX_CATEGORIES + 1)]))
    assert CATEGORY.could_be(pl.Series("x", ["x" * MAX_LENGTH]))
    assert not CATEGORY.could_be(pl.Series("x", ["x" * (MAX_LENGTH + 1)]))
    assert CATEGORY.could_be(pl.Series("x", [True, None]))
    assert not CATEGORY.could_be(pl.Series("x", [1.5]))


def test_the_most_frequent_are_kept_and_ties_go_by_name() -> None:
    values: list[str | None] = ["d", "c", "c", "b", "a", "b"]
    assert learnt(values, max_categories=3).categories == ("a", "b", "c")
    assert learnt(values[::-1], max_categories=3).categories == ("a", "b", "c")
    assert codes(learnt(values, max_categories=2), ["b", "c", "a", "never", None]) == [0, 1, 2, 2, 2]


def test_a_missing_value_has_a_place_of_its_own_when_training_rows_had_some() -> None:
    assert codes(learnt(["a", None, "b"]), ["a", "b", None, "never"]) == [0, 1, 2, 3]
    assert codes(learnt(["a", "", "b"]), ["", "a", None]) == [0, 1, 3]


def test_one_hot_has_one_input_for_each_place() -> None:
    block = CATEGORY.transform(pl.Series("x", ["b", "never", None]), learnt(["a", "b", None]))
    assert block.tolist() == [[0, 1, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]]


@pytest.mark.parametrize("taken", ["(other)", "(missing)"])
def test_a_category_may_be_called_like_a_place(taken: str) -> None:
    encoding = learnt([taken, None])
    labels = encoding.field("x").labels
    assert len(set(labels)) == len(labels) == 3
    assert codes(encoding, [taken, None, "never"]) == [0, 1, 2]
