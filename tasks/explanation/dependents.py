"""Features of one's own follow the columns that they are computed from: asked with other values of these, a model gets
what it would get of such rows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.model_input.inputs import Block
from tasks.recipe.computed import with_computed
from tasks.recipe.expressions import parse
from tasks.recipe.recipe import Feature, Recipe


@dataclass(frozen=True, kw_only=True)
class Dependents:
    """`values` are those of every column of some rows [N], as `Recipe.columns` makes them."""

    recipe: Recipe
    values: pl.DataFrame

    @property
    def read_only(self) -> tuple[str, ...]:
        """Columns that act through these features alone, such as the time of a row: no input is made of them."""
        return tuple(feature.name for feature in self.recipe.inputs)

    def of(self, changed: Collection[str]) -> list[Feature]:
        """The features that are computed from these columns, also by way of others; none of these themselves."""
        moved = set(changed)
        for feature in self.recipe.features:
            if moved & self._reads[feature.name]:
                moved.add(feature.name)
        return [feature for feature in self.recipe.features if feature.name in moved - set(changed)]

    def blocks(self, changed: Sequence[pl.Series]) -> dict[str, Block]:
        """What becomes of the features that are computed from these columns, whose values [N] are other ones."""
        features = self.of([values.name for values in changed])
        if not features:
            return {}
        names = [feature.name for feature in features]
        computations = [one for one in self.recipe.computations if one.name in names]
        rows = with_computed(self.values.drop(names).with_columns(changed), computations, self.recipe.function)
        return {
            feature.name: self.recipe.alone(feature).encode(rows.select(feature.name)).blocks[feature.name]
            for feature in features
        }

    def shuffled(self, columns: Sequence[str], order: NDArray[np.int64]) -> dict[str, Block]:
        """`blocks`, when the values of the columns change places."""
        return self.blocks([self.values[name].gather(order.tolist()) for name in columns])

    def take(self, numbers: NDArray[np.int64]) -> Dependents:
        """The same of these rows."""
        return replace(self, values=self.values[numbers.tolist()])

    @cached_property
    def _reads(self) -> dict[str, set[str]]:
        """The columns that each feature is computed from."""
        made_of = set(self.recipe.function.reads) if self.recipe.function else set()
        return {
            feature.name: made_of if feature.by_function else set(parse(feature.sql).columns) if feature.sql else set()
            for feature in self.recipe.features
        }
