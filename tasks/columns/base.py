"""What a column type is: how it is recognized, checked, cleaned, encoded and augmented."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import polars as pl

from tasks.inputs import Block, Field
from tasks.params import ColumnTypeName, Config

if TYPE_CHECKING:
    from torch import Generator, Tensor

State = TypeVar("State")
Settings = TypeVar("Settings", bound=Config)
Expectation = dict[str, Any]
"""One entry of a suite: `type`, `kwargs` and `severity`, as Great Expectations stores it."""


class Encoding(Config):
    """How a column becomes model input, as the recipe keeps it."""

    type: ColumnTypeName

    def field(self, name: str) -> Field:
        """The shape of the input that `ColumnType.transform` makes."""
        raise NotImplementedError


Encoded = TypeVar("Encoded", bound=Encoding)


class ColumnType(Generic[State, Settings, Encoded]):
    """One type of column. Pure functions on one part, and states that merge: memory is bounded by a part."""

    name: ClassVar[ColumnTypeName]
    dtype: ClassVar[pl.DataType]
    """What the column is at rest, in raw/ and everywhere until `normalize`."""

    def could_be(self, values: pl.Series) -> bool:
        """Whether every value that is there fits this type; asked of each part, true when true of all."""
        raise NotImplementedError

    def cast(self, values: pl.Series) -> pl.Series:
        """Values as they came, as `dtype`; a value that does not fit becomes missing."""
        return values.cast(self.dtype, strict=False)

    def expect(self, column: str, values: pl.Series) -> list[Expectation]:
        """Expectations to start a suite with, drafted from values that were seen."""
        raise NotImplementedError

    def faults(self, values: pl.Series) -> pl.Series:
        """Why a row must go, as text; missing where the value is fine."""
        return pl.Series(values.name, [None] * len(values), dtype=pl.String)

    def fit(self, values: pl.Series, settings: Settings) -> State:
        """What one part of the training rows says."""
        raise NotImplementedError

    def merge(self, first: State, second: State) -> State:
        """What two parts say together."""
        raise NotImplementedError

    def finish(self, state: State, settings: Settings) -> Encoded:
        """The encoding that the training rows as a whole lead to. Raises UserError when there is none."""
        raise NotImplementedError

    def transform(self, values: pl.Series, encoding: Encoded) -> Block:
        """Values as a block of model input."""
        raise NotImplementedError

    def augment(self, block: Tensor, settings: Config, generator: Generator) -> Tensor:
        """A training batch's block [B, ...], each row changed at random as the `augment` section says for this type.

        Shape, type and range stay, and so does the block itself. Draws come from `generator`, which is on the CPU. A
        type without such a section leaves the block as it is.
        """
        return block


def round_significant(value: float) -> float:
    """Rounded to 12 significant digits: sums over parts cut elsewhere differ in the last bits, and bytes must not."""
    return float(f"{value:.12g}")


def expectation(kind: str, severity: str, **kwargs: Any) -> Expectation:
    """An entry of a suite; `kind` is the expectation's type without its `expect_`."""
    return {"type": f"expect_{kind}", "kwargs": kwargs, "severity": severity}
