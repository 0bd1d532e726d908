"""Rare classes are filled up by their own rows, or by rows between them."""

from __future__ import annotations

from collections import Counter

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.augmentation.balance import class_counts, lacking, repeats, smote
from tasks.columns.boolean.column import BooleanEncoding
from tasks.columns.category.column import CategoryEncoding
from tasks.columns.number.column import NumberEncoding
from tasks.errors import UserError
from tasks.model_input.block_columns import from_series, to_series
from tasks.recipe.recipe import Feature, Recipe, Target
from tests.small_tables import cut

FEATURES = (
    Feature(name="x", encoding=NumberEncoding(impute=0, factor=1, offset=0, indicator=True)),
    Feature(name="y", encoding=NumberEncoding(impute=0, factor=1, offset=0, indicator=False)),
    Feature(name="colour", encoding=CategoryEncoding(encode="one_hot", categories=("a", "b"), missing=False)),
    Feature(name="size", encoding=CategoryEncoding(encode="ordinal", categories=("a", "b"), missing=False)),
    Feature(name="paid", encoding=BooleanEncoding(impute=False, indicator=False)),
)
RECIPE = Recipe(
    features=FEATURES, target=Target(name="label", task="multiclass", classes=("a", "b", "c")), num_inputs=8
)


def table(labels: list[int], seed: int = 0) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    count = len(labels)
    blocks = {
        "x": np.stack([random.normal(size=count), random.integers(0, 2, count)], axis=1),
        "y": random.normal(size=(count, 1)),
        "colour": random.integers(0, 3, count).astype(np.int32),
        "size": random.integers(0, 3, (count, 1)).astype(np.float32),
        "paid": random.integers(0, 2, (count, 1)).astype(np.float32),
    }
    fields = RECIPE.spec().fields
    series = [to_series(field.name, field, blocks[field.name].astype(blocks[field.name].dtype)) for field in fields]
    return pl.DataFrame([*series, pl.Series("label", labels, dtype=pl.Int64)])


def matrix(rows: pl.DataFrame) -> np.ndarray:
    blocks = [from_series(field, rows[field.name]).reshape(rows.height, -1) for field in RECIPE.spec().fields]
    return np.hstack(blocks).astype(float)


def made_by_smote(rows: pl.DataFrame, places: list[int] = [], neighbours: int = 3, seed: int = 0) -> pl.DataFrame:  # noqa: B006
    counts = class_counts([rows], RECIPE)
    return pl.concat(smote(cut(rows, places), RECIPE, lacking(counts), neighbours, seed))


@settings(derandomize=True, max_examples=30, deadline=None)
@given(labels=st.lists(st.integers(0, 2), min_size=1, max_size=30), places=st.lists(st.integers(0, 30), max_size=3))
def test_repeats_make_all_classes_that_are_there_equally_large(labels: list[int], places: list[int]) -> None:
    rows = table(labels).with_row_index("number")
    counts = class_counts(cut(rows, places), RECIPE)
    found = [*repeats(cut(rows, places), RECIPE, counts, lacking(counts))]
    after = pl.concat([rows, *found])
    assert Counter(after["label"].to_list()) == dict.fromkeys(set(labels), max(Counter(labels).values()))
    # No row of a class is there more than once more often than another.
    for _, of_class in after.group_by("label"):
        times = Counter(of_class["number"].to_list()).values()
        assert max(times) - min(times) <= 1
    whole = [*repeats([rows], RECIPE, counts, lacking(counts))]
    assert sorted(pl.concat([rows, *whole])["number"]) == sorted(after["number"])


def test_a_class_without_rows_stays_empty() -> None:
    assert lacking(np.array([5, 0, 2]), copies=1).tolist() == [0, 0, 6]


def test_made_rows_lie_on_a_line_to_a_near_row_of_the_class() -> None:
    labels = [0] * 60 + [1] * 12 + [2] * 20
    rows = table(labels)
    made = made_by_smote(rows)
    assert Counter(made["label"].to_list()) == {1: 48, 2: 40}
    for label in (1, 2):
        own = matrix(rows.filter(pl.col("label") == label))[:, [0, 2]]
        for point in matrix(made.filter(pl.col("label") == label))[:, [0, 2]]:
            # On a line: the distances to the two ends add up to the distance between them.
            to_ends = np.linalg.norm(own - point, axis=1)
            between = np.linalg.norm(own[:, None] - own[None], axis=2)
            assert np.abs(to_ends[:, None] + to_ends[None] - between).min() < 1e-5


def test_with_two_rows_new_ones_lie_between_them() -> None:
    rows = table([0] * 9 + [1, 1])
    low, high = np.sort(matrix(rows[9:]), axis=0)
    found = matrix(made_by_smote(rows))
    assert len(found) == 7
    assert ((found >= low - 1e-6) & (found <= high + 1e-6)).all()
    assert len(np.unique(found[:, 0])) == 7


def test_what_has_nothing_between_keeps_its_values() -> None:
    rows = table([0] * 40 + [1] * 9)
    made = matrix(made_by_smote(rows))
    for column in (1, 3, 4, 5):
        assert set(made[:, column]) <= set(matrix(rows)[:, column])


def test_categories_are_what_most_neighbours_have() -> None:
    rows = table([0] * 30 + [1] * 10)
    fields = {field.name: field for field in RECIPE.spec().fields}
    colours = np.array([0] * 30 + [1] * 9 + [2], dtype=np.int32)
    rows = rows.with_columns(to_series("colour", fields["colour"], colours))
    assert set(made_by_smote(rows, neighbours=5)["colour"].to_list()) == {1}


def test_parts_and_seeds() -> None:
    rows = table([0] * 30 + [1] * 7 + [2] * 4)
    made = made_by_smote(rows)
    assert made.equals(made_by_smote(rows, places=[3, 31, 35]))
    assert not made.equals(made_by_smote(rows, seed=1))


def test_equal_rows_are_neighbours_too() -> None:
    one = table([1])
    rows = pl.concat([table([0] * 20), one, one, one, one])
    assert np.allclose(matrix(made_by_smote(rows)), matrix(one), atol=1e-6)


def test_a_single_row_has_no_neighbour() -> None:
    with pytest.raises(UserError, match=r"class 'b' has one training row.*use balance: repeat"):
        made_by_smote(table([0, 0, 0, 1]))
