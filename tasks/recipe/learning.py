"""How a recipe is learnt from the training rows: a state for each column and part, merged as the parts go by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import reduce
from itertools import repeat
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.columns import TYPE_NAMES, column_type
from tasks.columns.base import ColumnType, Encoding
from tasks.errors import UserError, did_you_mean
from tasks.model_input.inputs import ModelInput
from tasks.parallel import num_cores, prefetch
from tasks.params.config import Config
from tasks.params.normalize import Normalize, settings_for
from tasks.recipe.computed import Computation, computed_parts, read_only
from tasks.recipe.frame_function import FrameFunction
from tasks.recipe.recipe import Feature, Recipe, Target
from tasks.tables.dataset import Column, Dataset

Folds = NDArray[np.uint8]
"""The fold of each row of a part, [N]."""


@dataclass(frozen=True)
class Learnt:
    """The recipe, and for each fold of the training rows another one: of the columns whose encoding looks at the
    target, learnt from the other folds."""

    recipe: Recipe
    out_of_fold: tuple[Recipe, ...] = ()

    def encode(self, rows: pl.DataFrame, folds: Folds | None = None) -> ModelInput:
        """Rows that `clean` has left as blocks, training rows with their folds."""
        columns = self.recipe.columns(rows, are_clean=True)
        if folds is None or not self.out_of_fold:
            return self.recipe.blocks(columns)
        of_folds = [one.blocks(columns.filter(folds == number)).blocks for number, one in enumerate(self.out_of_fold)]
        # By the whole recipe only what no fold's recipe makes: texts take long to read.
        others = tuple(feature for feature in self.recipe.features if feature.name not in of_folds[0])
        inputs = self.recipe.model_copy(update={"features": others}).blocks(columns)
        back = np.argsort(np.argsort(folds, kind="stable"), kind="stable")
        by_fold = {name: np.concatenate([blocks[name] for blocks in of_folds])[back] for name in of_folds[0]}
        return ModelInput(blocks={**inputs.blocks, **by_fold}, num_rows=inputs.num_rows)


@dataclass(frozen=True, eq=False)
class _Learner:
    """What learns one column: its type with its settings."""

    column: Column
    of_type: ColumnType[Any, Any, Any]
    settings: Config

    @property
    def num_folds(self) -> int:
        return self.of_type.num_folds(self.settings)

    def fit(self, rows: pl.DataFrame, target: str, folds: Folds | None) -> list[Any]:
        """The part's state; one for each fold when the target counts."""
        if not self.num_folds:
            return [self.of_type.fit(rows[self.column.name], self.settings)]
        # A state for each fold: what the others say is then their sum, and rows are read once.
        # Another column may want more folds; each of its own then holds several of them.
        own = None if folds is None else folds % self.num_folds
        cut = [rows] if own is None else [rows.filter(own == number) for number in range(self.num_folds)]
        return [self.of_type.fit_to_target(some[self.column.name], some[target], self.settings) for some in cut]

    def merged(self, first: list[Any], second: list[Any]) -> list[Any]:
        return [self.of_type.merge(one, other) for one, other in zip(first, second, strict=True)]

    def finish(self, states: list[Any]) -> Encoding:
        try:
            encoding: Encoding = self.of_type.finish(reduce(self.of_type.merge, states), self.settings)
        except UserError as error:
            raise UserError(f"normalize: column {self.column.name} {error}") from None
        return encoding

    def finish_without(self, fold: int, states: list[Any], encoding: Encoding) -> Encoding:
        """The encoding for the rows of this fold, by the others."""
        others = reduce(self.of_type.merge, [*states[:fold], *states[fold + 1 :]])
        encoding_of_fold: Encoding = self.of_type.out_of_fold(encoding, others, self.settings)
        return encoding_of_fold


def num_folds(dataset: Dataset, config: Normalize) -> int:
    """Into how many folds the training rows must be cut; 0 when no encoding looks at the target."""
    return max((learner.num_folds for learner in _learners(dataset, config)), default=0)


@dataclass(frozen=True)
class NetworkReference:
    """The trained network that `source` names and a column is embedded by, and the setting that says so."""

    source: str
    setting: str


def network_references(dataset: Dataset, config: Normalize) -> dict[str, NetworkReference]:
    """By column: the networks that pictures are to be embedded by. Raises UserError for one that is for none."""
    types = {column.type for column in dataset.features}
    for of_type in TYPE_NAMES:
        if of_type not in types and _network(getattr(config, of_type)) is not None:
            raise UserError(
                f"normalize.{of_type}.network: no feature column is of type {of_type}, so there is nothing to embed; "
                "take encode and network out"
            )
    references = {}
    for learner in _learners(dataset, config):
        network = _network(learner.settings)
        if network is not None:
            own = config.columns.get(learner.column.name)
            section = f"columns.{learner.column.name}" if own is not None and own.network else learner.column.type
            references[learner.column.name] = NetworkReference(network, f"normalize.{section}.network")
    return references


def _network(settings: Config) -> str | None:
    """The trained network that a type's section names; None for types that are not embedded."""
    return getattr(settings, "network", None)


def learn(
    parts: Iterable[pl.DataFrame],
    dataset: Dataset,
    config: Normalize,
    folds: Sequence[Folds] | None = None,
    computed: Sequence[Computation] = (),
    function: FrameFunction | None = None,
) -> Learnt:
    """What these training rows lead to; with the folds of the rows of each part, also what the other folds lead to.

    `dataset` has the `computed` columns, too, and the rows have not; `function` makes those without an expression.

    Raises UserError that names the column that cannot be encoded, or the setting that is for none.
    """
    learners = _learners(dataset, config)
    if not learners:
        raise UserError("normalize: no column has the role feature, so there is nothing to learn from")
    learners += [_learner(column, config) for column in read_only(dataset, computed, function)]
    target = dataset.target.name
    states: dict[_Learner, list[Any]] = {}
    classes: set[str] = set()
    parts = prefetch(computed_parts(parts, computed, function))
    with ThreadPoolExecutor(num_cores()) as pool:
        for rows, of_rows in zip(parts, folds if folds is not None else repeat(None)):  # noqa: B905
            # The answers are all taken before the loop goes on, so the lambda never sees the rows of another part.
            of_part = pool.map(lambda learner: learner.fit(rows, target, of_rows), learners)  # noqa: B023
            for learner, state in zip(learners, of_part, strict=True):
                states[learner] = learner.merged(states[learner], state) if learner in states else state
            if dataset.task != "regression":
                classes.update(rows[target].unique())
    learnt = _learnt(states, Target(name=target, task=dataset.task, classes=tuple(sorted(classes))), folds is not None)
    return replace(learnt, recipe=_with_computed(learnt.recipe, computed, function))


def _with_computed(recipe: Recipe, computed: Sequence[Computation], function: FrameFunction | None) -> Recipe:
    """The recipe with how its features are computed."""
    by_name = {one.name: {"sql": one.sql, "by_function": one.sql is None} for one in computed}
    features = (feature.model_copy(update=by_name.get(feature.name, {})) for feature in recipe.features)
    return recipe.model_copy(update={"features": tuple(features), "function": function})


def _learners(dataset: Dataset, config: Normalize) -> list[_Learner]:
    names = {column.name for column in dataset.features}
    for name in config.columns:
        if name not in names:
            raise UserError(f"normalize.columns.{name}: there is no such feature{did_you_mean(name, names)}")
    return [_learner(column, config) for column in dataset.features]


def _learner(column: Column, config: Normalize) -> _Learner:
    try:
        settings = settings_for(config, column.name, column.type)
    except ValueError as error:
        raise UserError(f"normalize.columns.{column.name}: {error}") from None
    return _Learner(column, column_type(column.type), settings)


def _learnt(states: Mapping[_Learner, list[Any]], target: Target, with_folds: bool) -> Learnt:
    encodings = {learner: learner.finish(of_column) for learner, of_column in states.items()}
    looking = {
        learner: [
            learner.finish_without(fold, states[learner], encodings[learner]) for fold in range(learner.num_folds)
        ]
        for learner in states
        if with_folds and learner.num_folds
    }
    out_of_fold = [
        {learner: of_folds[fold % len(of_folds)] for learner, of_folds in looking.items()}
        for fold in range(max(map(len, looking.values()), default=0))
    ]
    return Learnt(_recipe(encodings, target), tuple(_recipe(of_fold, target) for of_fold in out_of_fold))


def _recipe(encodings: Mapping[_Learner, Any], target: Target) -> Recipe:
    columns = {
        learner: Feature(
            name=learner.column.name,
            encoding=encoding,
            dialect=learner.column.dialect,
            repair=learner.column.repair,
        )
        for learner, encoding in encodings.items()
    }
    features = tuple(feature for learner, feature in columns.items() if learner.column.role == "feature")
    inputs = tuple(feature for learner, feature in columns.items() if learner.column.role != "feature")
    num_inputs = sum(feature.encoding.field(feature.name).num_inputs for feature in features)
    return Recipe(features=features, target=target, num_inputs=num_inputs, inputs=inputs)
