"""Categories by what the target was with them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.columns.category.column import CategoryColumn, CategoryEncoding
from tasks.params.normalize import NormalizeCategory

CATEGORY = CategoryColumn()
VALUES = ["a", "a", "a", "b", None, "c"]
NUMBERS = [1.0, 2.0, 6.0, -3.0, 10.0, 8.0]


def learnt(
    values: Sequence[str | None], target: Sequence[str | float], cuts: Sequence[int] = (), **more: object
) -> CategoryEncoding:
    chosen = NormalizeCategory.model_validate({"encode": "target", **more})
    ends = [0, *cuts, len(values)]
    states = [
        CATEGORY.fit_to_target(pl.Series("x", values, dtype=pl.String)[start:end], pl.Series(target)[start:end], chosen)
        for start, end in pairwise(ends)
    ]
    return CATEGORY.finish(reduce(CATEGORY.merge, states), chosen)


def inputs(encoding: CategoryEncoding, values: Sequence[str | None]) -> np.ndarray:
    block = CATEGORY.transform(pl.Series("x", values, dtype=pl.String), encoding)
    assert block.dtype == np.float64
    assert block.shape == (len(values), *encoding.field("x").shape)
    return block


def test_two_classes_are_one_smoothed_share() -> None:
    encoding = learnt(VALUES, ["yes", "yes", "no", "no", "yes", "no"], smoothing=2)
    assert encoding.field("x").labels == ("x mean yes",)
    # The prior is 1/2: (2 + 2/2) / (3 + 2) for a, (0 + 1) / (1 + 2) for b, (1 + 1) / (1 + 2) for the missing one.
    assert inputs(encoding, ["a", "b", None, "never"])[:, 0] == pytest.approx([3 / 5, 1 / 3, 2 / 3, 1 / 2])


def test_more_classes_are_a_share_each() -> None:
    encoding = learnt(VALUES, ["u", "v", "w", "w", "u", "v"], smoothing=3)
    assert encoding.field("x").labels == ("x mean u", "x mean v", "x mean w")
    assert inputs(encoding, ["a"])[0] == pytest.approx([1 / 3] * 3)
    assert inputs(encoding, ["b"])[0] == pytest.approx([1 / 4, 1 / 4, 2 / 4])
    assert inputs(encoding, ["a", "b", "never"]).sum(axis=1) == pytest.approx(1)


def test_a_number_is_a_smoothed_mean_standardized() -> None:
    encoding = learnt(VALUES, NUMBERS, smoothing=1)
    mean, std = np.mean(NUMBERS), np.std(NUMBERS)
    expected = [((9 + mean) / 4 - mean) / std, ((-3 + mean) / 2 - mean) / std, 0]
    assert inputs(encoding, ["a", "b", "never"])[:, 0] == pytest.approx(expected)


def test_without_smoothing_it_is_the_mean_itself() -> None:
    encoding = learnt(VALUES, NUMBERS, smoothing=0)
    back = inputs(encoding, ["a", "b", "c"])[:, 0] * np.std(NUMBERS) + np.mean(NUMBERS)
    assert back == pytest.approx([3, -3, 8], rel=1e-5)


def test_a_missing_category_may_count_as_another() -> None:
    encoding = learnt(VALUES, NUMBERS, smoothing=0, impute="most_frequent")
    found = inputs(encoding, [None, "a"])[:, 0] * np.std(NUMBERS) + np.mean(NUMBERS)
    assert found == pytest.approx([19 / 4, 19 / 4])


def test_the_categories_of_another_fold_are_the_same_and_what_it_lacks_is_its_mean() -> None:
    chosen = NormalizeCategory(encode="target", smoothing=0)
    encoding = learnt(VALUES, NUMBERS, smoothing=0)
    others = CATEGORY.fit_to_target(pl.Series("x", ["a", "a"]), pl.Series([5.0, 7.0]), chosen)
    fold = CATEGORY.out_of_fold(encoding, others, chosen)
    assert fold.categories == encoding.categories
    found = inputs(fold, ["a", "b", None])[:, 0] * np.std(NUMBERS) + np.mean(NUMBERS)
    assert found == pytest.approx([6, 6, 6])


@pytest.mark.parametrize("target", [["yes", "no"], [4.0, 8.0]])
def test_a_fold_without_others_says_nothing(target: list[str] | list[float]) -> None:
    chosen = NormalizeCategory(encode="target")
    encoding = learnt(["a", "b"], target)
    nothing = CATEGORY.fit_to_target(pl.Series("x", [], dtype=pl.String), pl.Series(target).clear(), chosen)
    found = inputs(CATEGORY.out_of_fold(encoding, nothing, chosen), ["a", "b", "never"])[:, 0]
    assert found.tolist() == [0.5 if isinstance(target[0], str) else 0.0] * 3


def test_a_target_of_one_value_or_class_is_no_trouble() -> None:
    assert inputs(learnt(["a", "b"], [3.0, 3.0]), ["a", "b", "never"]).tolist() == [[0.0]] * 3
    assert inputs(learnt(["a", "b"], ["yes", "yes"]), ["a"]).tolist() == [[1.0]]


ROWS = st.lists(
    st.tuples(st.none() | st.sampled_from("abc"), st.sampled_from([1e9 + 0.1, -1e9, 0.3, -7.0, 2.5])),
    min_size=2,
    max_size=30,
)


@settings(derandomize=True, max_examples=60, deadline=None)
@given(rows=ROWS, data=st.data())
def test_parts_cut_anywhere_lead_to_the_same_bytes(rows: list[tuple[str | None, float]], data: st.DataObject) -> None:
    rows = [*rows, ("a", 1.0)]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(rows)), max_size=4)))
    values, numbers = [value for value, _ in rows], [number for _, number in rows]
    for target in (numbers, [str(number) for number in numbers]):
        assert learnt(values, target, cuts).model_dump_json() == learnt(values, target).model_dump_json()
