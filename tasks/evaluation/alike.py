"""What the training rows most like a mistake say of it, for the gallery of mistakes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tasks.evaluation.nearest_rows import nearest_training_rows
from tasks.evaluation.rows_at_rest import rows_at
from tasks.model_input.block_columns import read_examples
from tasks.paths import Paths
from tasks.recipe.recipe import Recipe
from tasks.wording import number

_EQUAL = 1e-9
"""As a share: numbers that differ less are the same."""


@dataclass(frozen=True, kw_only=True)
class AlikeRow:
    """A training row near a mistake: its number, its values as they came in, and how far it is in the model's input.

    `is_identical` is whether each cell that the model is asked with is the same.
    """

    row: int
    values: Mapping[str, Any]
    distance: float
    is_identical: bool


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What a row is and what was answered to it: classes by name, or numbers."""

    actual: Any
    predicted: Any


def alike_training_rows(recipe: Recipe, paths: Paths, worst: Sequence[int]) -> dict[int, tuple[AlikeRow, ...]]:
    """The training rows nearest to each of these test rows, the nearest first."""
    if not worst:
        return {}
    asked = np.sort(np.array(worst))
    spec, names = recipe.spec(), [feature.name for feature in recipe.raw_features]
    encoded = read_examples(spec, recipe.target.name, [rows_at(paths.normalized("test"), asked)])
    nearest = nearest_training_rows(recipe, encoded.inputs, paths)
    wanted = np.unique(nearest.numbers)
    of_training = dict(zip(wanted.tolist(), rows_at(paths.clean("train"), wanted).iter_rows(named=True), strict=True))
    of_test = rows_at(paths.clean("test"), asked, names).iter_rows(named=True)
    return {
        int(row): tuple(
            _alike(int(other), of_training[int(other)], own, float(distance))
            for other, distance in zip(numbers, distances, strict=True)
        )
        for row, own, numbers, distances in zip(asked, of_test, nearest.numbers, nearest.distances, strict=True)
    }


def _alike(row: int, values: Mapping[str, Any], own: Mapping[str, Any], distance: float) -> AlikeRow:
    is_identical = all(values[name] == cell for name, cell in own.items())
    return AlikeRow(row=row, values=values, distance=distance, is_identical=is_identical)


def remark(answered: Answered, targets: Sequence[Any], identical: Sequence[bool]) -> str | None:
    """What the nearest rows say of a mistake, by their targets; None where they say nothing plain."""
    of_identical = [target for target, is_one in zip(targets, identical, strict=True) if is_one]
    others = [target for target in of_identical if not _is_same(target, answered.actual)]
    if others:
        return f"An identical training row is {_named(others[0])}: the data contradict each other."
    if of_identical:
        return f"An identical training row is {_named(of_identical[0])}, too: the model has not learnt it."
    if targets and all(_is_rather(answered, target) for target in targets):
        what = "of the class that was answered" if isinstance(answered.actual, str) else "nearer to what was answered"
        return f"The training rows most like it are all {what}."
    return None


def _is_rather(answered: Answered, target: Any) -> bool:
    """Whether a target is the answer rather than the truth."""
    if isinstance(target, str):
        return bool(target == answered.predicted)
    return bool(abs(target - answered.predicted) < abs(target - answered.actual))


def _is_same(first: Any, second: Any) -> bool:
    if isinstance(first, str):
        return bool(first == second)
    return bool(abs(first - second) <= _EQUAL * max(abs(first), abs(second)))


def _named(target: Any) -> str:
    return f"of the class {target}" if isinstance(target, str) else f"at {number(target)}"
