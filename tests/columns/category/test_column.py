from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.columns.category.column import MAX_CATEGORIES, MAX_LENGTH, CategoryColumn, CategoryEncoding
from tasks.model_input.inputs import one_hot
from tasks.params.normalize import NormalizeCategory

CATEGORY = CategoryColumn()


def learnt(values: list[str | None], **settings: object) -> CategoryEncoding:
    chosen = NormalizeCategory.model_validate(settings)
    return CATEGORY.finish(CATEGORY.fit(pl.Series("x", values, dtype=pl.String), chosen), chosen)


def indices(encoding: CategoryEncoding, values: list[str | None]) -> list[int]:
    block = CATEGORY.transform(pl.Series("x", values, dtype=pl.String), encoding)
    assert (block.dtype, block.shape) == (np.int32, (len(values),))
    return block.tolist()


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
    assert indices(learnt(values, max_categories=2), ["b", "c", "a", "never", None]) == [0, 1, 2, 2, 2]


def test_a_column_may_be_called_count() -> None:
    assert CATEGORY.fit(pl.Series("count", ["a", "b", "a", None]), NormalizeCategory()) == {"a": 2, "b": 1, None: 1}


def test_a_missing_value_has_an_index_of_its_own_when_training_rows_had_some() -> None:
    assert indices(learnt(["a", None, "b"]), ["a", "b", None, "never"]) == [0, 1, 2, 3]
    assert indices(learnt(["a", "", "b"]), ["", "a", None]) == [0, 1, 3]


def test_one_hot_has_one_input_for_each_index() -> None:
    encoding = learnt(["a", "b", None])
    field = encoding.field("x")
    assert (field.kind, field.labels) == ("category_index", ("x=a", "x=b", "x=(missing)", "x=(other)"))
    block = CATEGORY.transform(pl.Series("x", ["b", "never", None]), encoding)
    assert one_hot(field, block).tolist() == [[0, 1, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]]


def test_ordinal_is_the_index_as_a_number() -> None:
    block = CATEGORY.transform(pl.Series("x", ["b", None, "a", "never"]), learnt(["a", None, "b"], encode="ordinal"))
    assert block.dtype == np.float32
    assert block.tolist() == [[1], [2], [0], [3]]


def test_a_missing_value_becomes_the_most_frequent_or_a_constant() -> None:
    values: list[str | None] = ["b", "a", "b", None, "a", "c"]
    frequent = learnt(values, impute="most_frequent")
    assert frequent.impute == "a"
    assert indices(frequent, [None, "a", "b", "c", "never"]) == [0, 0, 1, 2, 3]
    constant = learnt(values, impute="constant", value="d")
    assert constant.categories == ("a", "b", "c", "d")
    assert indices(constant, [None, "d", "never"]) == [3, 3, 4]
    assert indices(learnt(["a", "b"], impute="constant", value="d"), [None]) == [2]


def test_imputed_rows_count_for_the_category_that_they_become() -> None:
    values: list[str | None] = ["a", "a", "b", None, None, None]
    assert learnt(values, impute="constant", value="c", max_categories=1).categories == ("c",)
    assert learnt(values, max_categories=1).categories == ("a",)


def test_hashed_indices_never_change_and_know_no_unseen_value() -> None:
    """Written down: an index that moves would make another model of an old one."""
    encoding = learnt(["anything", None], encode="hashed", buckets=64)
    assert indices(encoding, ["red", "green", "Köln", "", None]) == [35, 40, 0, 52, 64]
    assert encoding.field("x").num_inputs == 65
    without = learnt(["anything"], encode="hashed", buckets=64)
    assert indices(without, ["red", None]) == [35, 52]
    assert indices(learnt(["a", None], encode="hashed", impute="constant", value="red"), [None]) == [35]


@settings(derandomize=True, max_examples=50, deadline=None)
@given(
    values=st.lists(st.none() | st.sampled_from("abcdef"), min_size=1, max_size=8),
    encode=st.sampled_from(["one_hot", "ordinal", "hashed"]),
    impute=st.sampled_from(["missing", "most_frequent", "constant"]),
)
def test_one_row_is_encoded_as_many_are(values: list[str | None], encode: str, impute: str) -> None:
    value = "z" if impute == "constant" else ""
    encoding = learnt(["a", "b", None, "a", "c"], encode=encode, impute=impute, value=value, max_categories=2)
    few = CATEGORY.transform(pl.Series("x", values, dtype=pl.String), encoding)
    many = CATEGORY.transform(pl.Series("x", values * 20, dtype=pl.String), encoding)
    assert np.array_equal(np.concatenate([few] * 20), many)


@pytest.mark.parametrize("taken", ["(other)", "(missing)"])
def test_a_category_may_be_called_like_a_label_of_ours(taken: str) -> None:
    encoding = learnt([taken, None])
    labels = encoding.field("x").labels
    assert len(set(labels)) == len(labels) == 3
    assert indices(encoding, [taken, None, "never"]) == [0, 1, 2]
