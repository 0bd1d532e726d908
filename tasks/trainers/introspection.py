"""What a model may be able to tell of itself, besides its answers; a trainer's own class carries it where it can."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from tasks.model_input.inputs import Field


@runtime_checkable
class RatesColumns(Protocol):
    """A model that knows of its training how much each column was of use."""

    def own_importance(self) -> dict[str, float] | None:
        """Shares by column that sum to 1, None where this model keeps none."""


def shares_by_field(fields: tuple[Field, ...], values: NDArray[np.float64]) -> dict[str, float] | None:
    """What matrix columns [K] are worth as shares of the columns that they were made of; None when all are worth 0."""
    ends = np.cumsum([field.num_inputs for field in fields])
    sums = [float(part.sum()) for part in np.split(values, ends[:-1])]
    total = sum(sums)
    return {field.name: value / total for field, value in zip(fields, sums, strict=True)} if total > 0 else None


def rates(model: object) -> Mapping[str, float]:
    """The model's own importance of columns; empty where it has none."""
    return (model.own_importance() or {}) if isinstance(model, RatesColumns) else {}
