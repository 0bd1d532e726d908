"""Rare classes filled up to the largest: by repeating their rows, or by SMOTE."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.columns.draws import random_for
from tasks.errors import UserError
from tasks.model_input.block_columns import from_series, to_series
from tasks.model_input.inputs import Field
from tasks.parallel import num_cores
from tasks.recipe.recipe import Feature, Recipe

_MOST_HELD = 100_000
"""Rows of a class that SMOTE looks for neighbours among, which are all held in memory: its first ones."""
_ROWS_AT_ONCE = 16_384

Floats = NDArray[np.float64]


def class_counts(parts: Iterable[pl.DataFrame], recipe: Recipe) -> NDArray[np.int64]:
    """How many rows each class has, [K], and none where the target is a number; parts need no column but the target."""
    counts = np.zeros(len(recipe.target.classes), dtype=np.int64)
    for part in parts if len(counts) else ():
        counts += np.bincount(part[recipe.target.name].to_numpy(), minlength=len(counts))
    return counts


def lacking(counts: NDArray[np.int64], copies: int = 0) -> NDArray[np.int64]:
    """How many rows each class needs to be as large as the largest, when every row also has so many copies."""
    # Of a class without rows there is nothing to repeat, and no line to put a row on.
    return np.where(counts > 0, counts.max(initial=0) - counts, 0) * (copies + 1)


def repeats(
    parts: Iterable[pl.DataFrame], recipe: Recipe, counts: NDArray[np.int64], wanted: NDArray[np.int64]
) -> Iterator[pl.DataFrame]:
    """Rows of each class once more, as often as it takes: none more than once more often than another of its class."""
    num_before = np.zeros_like(counts)
    rounds, rest = np.divmod(wanted, np.maximum(counts, 1))
    for part in parts:
        classes = part[recipe.target.name].to_numpy()
        rows = np.repeat(np.arange(part.height), rounds[classes] + (_ordinals(classes, num_before) < rest[classes]))
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            yield part[rows[start : start + _ROWS_AT_ONCE]]
        num_before += np.bincount(classes, minlength=len(counts))


def smote(
    parts: Iterable[pl.DataFrame], recipe: Recipe, wanted: NDArray[np.int64], neighbours: int, seed: int
) -> Iterator[pl.DataFrame]:
    """New rows of the rare classes, each on the line from one row to one of its `neighbours` nearest of the class.

    Chawla, Bowyer, Hall and Kegelmeyer 2002 (JAIR 16, 321-357). Numbers are interpolated; of categories, booleans and
    indicators the new row has what most of those neighbours have, and two rows that differ in one are as far apart by
    it as the median standard deviation of the numbers (SMOTE-NC, their section 6.1). Holds the first 100,000 rows of
    each rare class. Raises UserError for a class of a single row.
    """
    held = _rows_of(parts, recipe, wanted)
    for number, rows in held.items():
        name = recipe.target.classes[number]
        if rows.height < 2:
            raise UserError(
                f"augment.balance: class {name!r} has one training row, and smote needs two to put a row between; use "
                "balance: repeat"
            )
        yield from _between_rows(rows, recipe, int(wanted[number]), neighbours, random_for(seed, number))


def _between_rows(
    rows: pl.DataFrame, recipe: Recipe, wanted: int, neighbours: int, random: np.random.Generator
) -> Iterator[pl.DataFrame]:
    table = _as_table(rows, recipe)
    near = _nearest(_points(table), min(neighbours, rows.height - 1))
    common = _most_common(table.fixed, near)
    for start in range(0, wanted, _ROWS_AT_ONCE):
        # Rows in turn, so that none is used more than once more often than another.
        base = np.arange(start, min(start + _ROWS_AT_ONCE, wanted)) % rows.height
        other = near[base, random.integers(near.shape[1], size=len(base))]
        step = random.random(len(base))[:, None]
        made = table.numbers[base] + step * (table.numbers[other] - table.numbers[base])
        yield _as_rows(rows[base], recipe, _EncodedRows(made, common[base]))


@dataclass(frozen=True)
class _EncodedRows:
    """Encoded rows: inputs that have something between them [N, D], and inputs that do not [N, F]."""

    numbers: Floats
    fixed: Floats


def _as_table(rows: pl.DataFrame, recipe: Recipe) -> _EncodedRows:
    numbers: list[Floats] = [np.zeros((rows.height, 0))]
    fixed: list[Floats] = [np.zeros((rows.height, 0))]
    for feature in recipe.features:
        column = feature.encoding.field(feature.name)
        block = from_series(column, rows[feature.name]).reshape(rows.height, -1).astype(np.float64)
        between = _is_between(feature, column)
        numbers.append(block[:, between])
        fixed.append(block[:, ~between])
    return _EncodedRows(np.hstack(numbers), np.hstack(fixed))


def _as_rows(base: pl.DataFrame, recipe: Recipe, table: _EncodedRows) -> pl.DataFrame:
    """The made inputs as rows of the normalized table; what is no input comes from the base rows."""
    # Inputs of all columns lie side by side, in the order of the features.
    made, number, start = [], 0, 0
    for feature in recipe.features:
        column = feature.encoding.field(feature.name)
        between = _is_between(feature, column)
        # As the rows beside them: a table's parts are all of one type.
        like = from_series(column, base[feature.name][:0]).dtype
        block = np.empty((base.height, len(between)), dtype=like)
        block[:, between] = table.numbers[:, number : (number := number + int(between.sum()))]
        block[:, ~between] = table.fixed[:, start : (start := start + int((~between).sum()))]
        values = block[:, 0].astype(np.int32) if column.kind == "category_index" else block
        made.append(to_series(feature.name, column, values))
    return base.with_columns(made)


def _is_between(feature: Feature, column: Field) -> NDArray[np.bool_]:
    """Which of a column's inputs have values between two values, [K]; a category index is one input here."""
    if column.kind == "category_index" or not feature.encoding.is_continuous:
        return np.zeros(1 if column.kind == "category_index" else column.num_inputs, dtype=np.bool_)
    # Whether a number is missing is 0 or 1, with nothing between.
    return np.array([label != f"{feature.name} missing" for label in column.labels])


def _points(table: _EncodedRows) -> Floats:
    """Where rows lie, so that Euclid's distance is that of SMOTE-NC; [N, D + all values of all fixed inputs]."""
    stds = table.numbers.std(axis=0)
    # Without a number there is nothing to compare with, and any distance will do.
    median = float(np.median(stds)) if len(stds) else 1.0
    points = [table.numbers]
    for values in table.fixed.T:
        categories, indices = np.unique(values, return_inverse=True)
        if len(categories) > 1:
            # Two rows that differ are apart in two of these inputs.
            points.append(np.eye(len(categories))[indices] * median / math.sqrt(2))
    return np.hstack(points)


def _nearest(points: Floats, count: int) -> NDArray[np.int64]:
    """The numbers of the nearest other points of each point, [N, count].

    By a tree, whose distances do not depend on the number of threads as those by matrix products do.
    """
    from sklearn.neighbors import NearestNeighbors

    tree = NearestNeighbors(n_neighbors=count + 1, algorithm="kd_tree", n_jobs=num_cores()).fit(points)
    near = tree.kneighbors(points, return_distance=False)
    others = near != np.arange(len(points))[:, None]
    # Of equal points a row itself may not be among the nearest.
    others[others.all(axis=1), -1] = False
    return np.asarray(near[others].reshape(len(points), count), dtype=np.int64)


def _most_common(fixed: Floats, near: NDArray[np.int64]) -> Floats:
    """What most of each row's neighbours have [M, F]; the smallest of several."""
    from scipy.stats import mode

    if not fixed.shape[1]:
        return np.zeros((len(near), 0))
    return np.asarray(mode(fixed[near], axis=1).mode)


def _rows_of(parts: Iterable[pl.DataFrame], recipe: Recipe, wanted: NDArray[np.int64]) -> dict[int, pl.DataFrame]:
    """The first rows of each class that lacks some."""
    held: dict[int, list[pl.DataFrame]] = {int(number): [] for number in np.flatnonzero(wanted)}
    room = dict.fromkeys(held, _MOST_HELD)
    for part in parts:
        for number, rows in held.items():
            of_class = part.filter(pl.col(recipe.target.name) == number).head(room[number])
            room[number] -= of_class.height
            rows.append(of_class)
    return {number: pl.concat(rows) for number, rows in held.items()}


def _ordinals(classes: NDArray[np.int64], num_before: NDArray[np.int64]) -> NDArray[np.int64]:
    """The how manieth of its class each row is, [N], when so many came before."""
    order = np.argsort(classes, kind="stable")
    counts = np.bincount(classes, minlength=len(num_before))
    ordinals = np.empty(len(classes), dtype=np.int64)
    ordinals[order] = np.arange(len(classes)) - np.repeat(np.cumsum(counts) - counts, counts)
    return ordinals + num_before[classes]
