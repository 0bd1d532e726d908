"""What a column does to the answers: partial dependence (Friedman 2001) and accumulated local effects (Apley and Zhu
2020).

Partial dependence asks what would be answered if all rows had a value; where columns go together, that asks for rows
that there are none of. Accumulated local effects move each row only to the ends of the stretch in which it lies, and
add up what that changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.columns import column_type
from tasks.explanation.dependents import Dependents
from tasks.model_input.inputs import Block, ModelInput
from tasks.recipe.recipe import Feature, Recipe
from tasks.trainers.base import Model
from tasks.trainers.introspection import Floats

MOST_ROWS = 200
"""Rows of which the mean is taken: a mean of 200 is off by a fourteenth of what rows differ by."""
_MOST_STEPS = 20
_FEWEST_IN_A_STEP = 10
_MOST_CATEGORIES = 12
_ENDS = (0.01, 0.99)
"""Between these levels of its values a number is looked at: beyond them a handful of rows would be half the picture."""


@dataclass(frozen=True, kw_only=True)
class Effect:
    """One column: at each of `values` the mean answer [V, O] by `partial` and, of a number, by `accumulated`.

    `num_rows` [V] are the rows of each category, or of a number [V - 1] those between a value and the next.
    """

    column: str
    values: tuple[str | float, ...]
    partial: Floats
    accumulated: Floats | None
    num_rows: NDArray[np.int64]


def effect_of(
    model: Model,
    recipe: Recipe,
    name: str,
    column: pl.Series,
    inputs: ModelInput,
    outputs: Sequence[int],
    dependents: Dependents | None = None,
) -> Effect | None:
    """The effect of a column on the answers `outputs`; None for a column of other types, or of one value alone.

    `column` are its raw cells [N], `inputs` the same rows encoded, and `dependents` are theirs, if there are any.
    """
    feature = next(one for one in recipe.features if one.name == name)
    statistics = column_type(feature.encoding.type).statistics
    if dependents is not None and not dependents.of([name]):
        dependents = None
    varied = _VariedColumn(model, recipe, feature, inputs, tuple(outputs), dependents)
    if "moments" in statistics:
        return _of_number(varied, column)
    return _of_category(varied, column) if "categories" in statistics else None


@dataclass(frozen=True)
class _VariedColumn:
    """A model, and the rows of which one column is to have other values."""

    model: Model
    recipe: Recipe
    feature: Feature
    rows: ModelInput
    outputs: tuple[int, ...]
    dependents: Dependents | None

    def encoded(self, values: pl.Series) -> Block:
        alone = self.recipe.alone(self.feature)
        return alone.encode(pl.DataFrame([values.alias(self.feature.name)])).blocks[self.feature.name]

    def answers(self, values: pl.Series, numbers: NDArray[np.int64]) -> Floats:
        """What is answered when each of the rows of these numbers [N] has its own one of these values [N] -> [N, O]."""
        blocks = {**self.rows.take(numbers).blocks, self.feature.name: self.encoded(values)}
        if self.dependents is not None:
            kept = self.dependents.take(numbers)
            own = kept.values[self.feature.name].dtype
            blocks |= kept.blocks([values.cast(own).alias(self.feature.name)])
        answers = self.model.predict(ModelInput(blocks=blocks, num_rows=len(numbers)))
        return answers[:, self.outputs] if answers.ndim > 1 else answers[:, None]

    def partial(self, values: pl.Series) -> Floats:
        """The mean answer when all rows have a value, for each of them: [V, O]."""
        few = _spread(self.rows.num_rows, MOST_ROWS)
        repeated = values.gather(np.repeat(np.arange(len(values)), len(few)).tolist())
        answers = self.answers(repeated, np.tile(few, len(values)))
        return np.asarray(answers.reshape(len(values), len(few), -1).mean(axis=1))


def _of_number(varied: _VariedColumn, column: pl.Series) -> Effect | None:
    there = column.is_not_null().to_numpy()
    numbers = column.cast(pl.Float64).fill_null(0.0).to_numpy()
    edges = _edges(numbers[there])
    if len(edges) < 2:
        return None
    # The stretch of each row, from 1; of the first, both ends count.
    steps = np.searchsorted(edges, numbers, side="left")
    steps[numbers == edges[0]] = 1
    inside = np.flatnonzero(there & (steps >= 1) & (steps < len(edges)))
    return Effect(
        column=varied.feature.name,
        values=tuple(map(float, edges)),
        partial=varied.partial(pl.Series(edges)),
        accumulated=_accumulated(varied, edges, steps[inside], inside),
        num_rows=np.bincount(steps[inside] - 1, minlength=len(edges) - 1),
    )


def _edges(numbers: Floats) -> Floats:
    """Values to look at: those that there are, or levels of them with as many rows between each two."""
    if not len(numbers):
        return numbers
    distinct = np.unique(numbers)
    num_steps = int(np.clip(len(numbers) // _FEWEST_IN_A_STEP, 2, _MOST_STEPS))
    if len(distinct) <= num_steps:
        return distinct
    return np.unique(np.quantile(numbers, np.linspace(*_ENDS, num_steps + 1)))


def _accumulated(varied: _VariedColumn, edges: Floats, steps: NDArray[np.int64], inside: NDArray[np.int64]) -> Floats:
    """[V, O]: what moving from each value to the next changes in the rows between them, summed up from the first. Put
    where its mean over these rows is their mean answer."""
    low, high = (varied.answers(pl.Series(edges[steps - back]), inside) for back in (1, 0))
    counts = np.bincount(steps - 1, minlength=len(edges) - 1)[:, None]
    sums = np.stack([np.bincount(steps - 1, change, len(edges) - 1) for change in (high - low).T], axis=1)
    # A stretch without rows changes nothing that anybody has seen.
    changes = np.divide(sums, counts, out=np.zeros_like(sums), where=counts > 0)
    curve = np.vstack([np.zeros((1, changes.shape[1])), np.cumsum(changes, axis=0)])
    middle = (curve[:-1] + curve[1:]) / 2
    level = (low + high).mean(axis=0) / 2 - (middle * counts).sum(axis=0) / max(1, counts.sum())
    return np.asarray(curve + level)


def _of_category(varied: _VariedColumn, column: pl.Series) -> Effect | None:
    counts = column.drop_nulls().cast(pl.String).alias("value").value_counts(sort=True, name="rows").sort(
        ["rows", "value"], descending=[True, False]
    )  # fmt: skip
    names = counts["value"].head(_MOST_CATEGORIES)
    if len(names) < 2:
        return None
    dtype = column_type(varied.feature.encoding.type).dtype
    values = names if dtype == pl.String else names == "true"
    return Effect(
        column=varied.feature.name,
        values=tuple(names.to_list()),
        partial=varied.partial(values),
        accumulated=None,
        num_rows=counts["rows"].head(_MOST_CATEGORIES).to_numpy().astype(np.int64),
    )


def _spread(num_rows: int, most: int) -> NDArray[np.int64]:
    """At most so many row numbers, evenly."""
    return np.unique(np.linspace(0, num_rows - 1, min(num_rows, most)).astype(np.int64))
