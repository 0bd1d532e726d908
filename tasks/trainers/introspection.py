"""What a model may be able to tell of itself, besides its answers; a trainer's own class carries it where it can."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from tasks.model_input.inputs import Field, ModelInput

Floats = NDArray[np.float64]
Unit = Literal["log-odds", "score", "probability", "target"]
"""What reasons add up to: ln(p / (1 - p)) of a class, its score before softmax, its probability, or the target's own
unit."""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """Reasons that add up: of each row [N], `base` and all terms together are `answer`, in `unit`.

    `by_column` has a term for each input of a row as the model reads it: [N, K] of dense and sparse columns, [N] of a
    category, [N, C, H, W] of a picture, [N, L] of tokens. `method` says how they were found, `base` of what row it is
    the answer.
    """

    unit: Unit
    method: str
    base_of: str
    base: Floats
    answer: Floats
    by_column: Mapping[str, Floats]


@runtime_checkable
class RatesColumns(Protocol):
    """A model that knows of its training how much each column was of use."""

    def own_importance(self) -> dict[str, float] | None:
        """Shares by column that sum to 1, None where this model keeps none."""


@runtime_checkable
class GivesTerms(Protocol):
    """A model whose answers can be taken apart by what it is made of."""

    def terms(self, rows: ModelInput, empty: ModelInput, outputs: NDArray[np.int64]) -> Terms | None:
        """Why each row is answered so: of class number `outputs` [N], or of the value. `empty` is one row of which
        nothing is known. None where this model cannot tell."""


@dataclass(frozen=True, kw_only=True)
class ModelSize:
    """How many numbers a model answers by that it learnt, and what they are: `weights`, `leaves of 120 trees`."""

    num_parameters: int
    parameters: str


@runtime_checkable
class CountsParameters(Protocol):
    """A model that knows of how many learnt numbers it is made."""

    def size(self) -> ModelSize | None:
        """None where this model has no such count, as nearest neighbours have none."""


@runtime_checkable
class AnswersApart(Protocol):
    """A model that knows whether rows that are asked together have the same answers, to the last bit, as each alone."""

    @property
    def answers_apart(self) -> bool:
        """True of trees, which add up numbers row by row. A product of matrices differs in its last bits with its
        size."""


def answers_apart(model: object) -> bool:
    """Whether the model says so of itself."""
    return isinstance(model, AnswersApart) and model.answers_apart


EMPTY_ROW = "a row of which nothing is known"


def shares_by_field(fields: Sequence[Field], values: Floats) -> dict[str, float] | None:
    """What matrix columns [K] are worth as shares of the columns that they were made of; None when all are worth 0."""
    sums = {name: float(part.sum()) for name, part in _parts(fields, values).items()}
    total = sum(sums.values())
    return {name: value / total for name, value in sums.items()} if total > 0 else None


def terms_by_field(fields: Sequence[Field], terms: Floats) -> dict[str, Floats]:
    """The terms of matrix columns [N, K] by the columns that they were made of, as `Terms` has them."""
    return {field.name: _as_read(field, _parts(fields, terms)[field.name]) for field in fields}


def rates(model: object) -> Mapping[str, float]:
    """The model's own importance of columns; empty where it has none."""
    return (model.own_importance() or {}) if isinstance(model, RatesColumns) else {}


def size_of(model: object) -> ModelSize | None:
    """How large the model is by its own count; None where it has none."""
    return model.size() if isinstance(model, CountsParameters) else None


def size_in_all(models: Sequence[object]) -> ModelSize | None:
    """That of several models together; None where one of them has no count."""
    sizes = [size_of(model) for model in models]
    known = [size for size in sizes if size is not None]
    if not known or len(known) < len(sizes):
        return None
    kinds = dict.fromkeys(size.parameters.split(" of ")[0] for size in known)
    what = f"{' and '.join(kinds)} of {len(known):,} models" if len(known) > 1 else known[0].parameters
    return ModelSize(num_parameters=sum(size.num_parameters for size in known), parameters=what)


def trees_size(num_leaves: Sequence[int]) -> ModelSize:
    """Of trees with so many leaves, each of which has a learnt answer."""
    what = f"leaves of {len(num_leaves):,} trees" if len(num_leaves) != 1 else "leaves of one tree"
    return ModelSize(num_parameters=sum(num_leaves), parameters=what)


def _parts(fields: Sequence[Field], values: Floats) -> dict[str, Any]:
    ends = np.cumsum([field.num_inputs for field in fields])
    return dict(zip([field.name for field in fields], np.split(values, ends[:-1], axis=-1), strict=True))


def _as_read(field: Field, terms: Floats) -> Floats:
    # Of a category one input is 1 and the others 0: where they lead is one answer to one question.
    return terms.sum(axis=1) if field.kind == "category_index" else terms.reshape(len(terms), *field.shape)
