"""The columns that test rows are told apart by, and their values as clean left them, or as the recipe computes them."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from tasks.evaluation.partitions import can_be_sliced
from tasks.paths import Paths
from tasks.recipe.computed import with_columns
from tasks.recipe.recipe import Recipe
from tasks.tables import storage
from tasks.tables.dataset import Column, Dataset


def sliceable_columns(dataset: Dataset, paths: Paths, recipe: Recipe) -> list[Column]:
    """Those that the test rows have, and the features of one's own that the recipe computes of them."""
    computed = [one.name for one in recipe.computations]
    there = {*storage.column_names(paths.clean("test")), *computed}
    whole = with_columns(dataset, recipe.computations)
    return [column for column in whole.columns if column.name in there and can_be_sliced(column)]


def sensitive_columns(dataset: Dataset, paths: Paths) -> list[Column]:
    """Those that tell groups of people apart: a feature, and so one that is computed, is none."""
    there = storage.column_names(paths.clean("test"))
    return [
        column
        for column in dataset.columns
        if column.role == "sensitive" and column.name in there and can_be_sliced(column)
    ]


def values_of_test_rows(paths: Paths, columns: Sequence[Column], recipe: Recipe | None = None) -> pl.DataFrame:
    """The values [N] of the test rows in these columns, those that `recipe` computes among them; without columns a
    table of nothing."""
    names = [column.name for column in columns]
    if not names:
        return pl.DataFrame()
    computed = {one.name for one in recipe.computations} if recipe else set()
    if recipe is None or computed.isdisjoint(names):
        return pl.concat(storage.read_parts(paths.clean("test"), names))
    stored = [name for name in names if name not in computed]
    read = list(dict.fromkeys([*stored, *(feature.name for feature in recipe.raw_features)]))
    own = [name for name in names if name in computed]
    parts = [
        pl.concat([part.select(stored), recipe.columns(part, are_clean=True).select(own)], how="horizontal")
        for part in storage.read_parts(paths.clean("test"), read)
    ]
    return pl.concat(parts).select(names)
