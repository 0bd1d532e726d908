"""What a model makes of each column, on test rows: how much it needs it, and what it does to the answers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.evaluation.effect_charts import Chart, chart
from tasks.evaluation.importance import Importance, measured_importance
from tasks.evaluation.judge import Judge
from tasks.explanation.dependents import Dependents
from tasks.explanation.effects import effect_of
from tasks.explanation.permutation import rows_to_ask
from tasks.model_input.example_parts import StoredExamples
from tasks.model_input.inputs import Examples
from tasks.paths import Paths
from tasks.recipe.recipe import Recipe
from tasks.tables import storage
from tasks.trainers.base import Model

_MOST_EFFECTS = 4
_MOST_CLASSES = 4


def use_of_columns(
    judge: Judge, model: Model, recipe: Recipe, paths: Paths, groups: NDArray[np.int64] | None
) -> tuple[Importance, list[Chart]]:
    """On test rows drawn at random where there are many; `groups` are the numbers of the test rows' groups [N]."""
    spec, parts = recipe.spec(), tuple(storage.part_files(paths.normalized("test")))
    stored = StoredExamples(spec=spec, target=recipe.target.name, files=parts)
    numbers, rows = stored.sample(rows_to_ask(spec))
    dependents = _dependents(recipe, numbers, paths)
    groups_of_rows = None if groups is None else groups[numbers]
    importance = measured_importance(model, spec, rows, judge, groups_of_rows, dependents)
    return importance, _charts(model, recipe, importance, numbers, rows, judge.positive, paths, dependents)


def _dependents(recipe: Recipe, numbers: NDArray[np.int64], paths: Paths) -> Dependents | None:
    """The features of one's own of these test rows."""
    if not recipe.computations:
        return None
    values = pl.concat(recipe.columns(part) for part in storage.read_parts(paths.clean("test")))
    return Dependents(recipe=recipe, values=values[numbers.tolist()])


def _raw(paths: Paths, name: str, numbers: NDArray[np.int64]) -> pl.Series:
    """A column of these test rows as clean left it."""
    return pl.concat(storage.read_parts(paths.clean("test"), [name]))[name].gather(numbers.tolist())


def _charts(
    model: Model,
    recipe: Recipe,
    importance: Importance,
    numbers: NDArray[np.int64],
    rows: Examples,
    positive: int | None,
    paths: Paths,
    dependents: Dependents | None,
) -> list[Chart]:
    """Those of the columns that matter most, of the types that have one."""
    outputs = _outputs(recipe, rows, positive)
    classes = recipe.target.classes
    names = [classes[number] if classes else recipe.target.name for number in outputs]
    answer = (
        f"The probability of {names[0] if names[1:] == [] else 'each class'}" if classes else f"{recipe.target.name}"
    )
    computed = {one.name for one in recipe.computations}
    features = {feature.name for feature in recipe.features}
    there, charts = {*storage.column_names(paths.clean("test")), *computed}, list[Chart]()
    for one in importance.columns:
        (name,) = one.columns
        if len(charts) == _MOST_EFFECTS or name not in features & there:
            continue
        column = dependents.values[name] if dependents and name in computed else _raw(paths, name, numbers)
        effect = effect_of(model, recipe, name, column, rows.inputs, outputs, dependents)
        charts += [] if effect is None else [chart(effect, names, answer)]
    return charts


def _outputs(recipe: Recipe, rows: Examples, positive: int | None) -> Sequence[int]:
    """What is shown: the positive class of two, the most frequent ones of more, or the number."""
    classes = recipe.target.classes
    if not classes:
        return [0]
    if positive is not None:
        return [positive]
    counts = np.bincount(rows.target, minlength=len(classes))
    return sorted(np.argsort(-counts, kind="stable")[:_MOST_CLASSES].tolist())
