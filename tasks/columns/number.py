"""Numbers: imputed, then scaled; an indicator says where a number was missing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.columns.base import ColumnType, Encoding, Expectation, expectation, round_significant
from tasks.errors import UserError
from tasks.inputs import Field
from tasks.params import ColumnTypeName, NormalizeNumber

_DRAFTED_MARGIN = 0.5
"""A drafted range reaches half its width beyond what was seen: new data may, a slipped decimal point may not."""

_LEADING_ZERO = r"^\s*[+-]?0\d"


@dataclass(frozen=True)
class NumberState:
    """Count, moments and range of the numbers seen; `m2` is the sum of squared differences from the mean."""

    count: int
    num_missing: int
    mean: float
    m2: float
    minimum: float
    maximum: float


class NumberEncoding(Encoding):
    """A number x becomes x * factor + offset; a missing one becomes `impute` first."""

    type: Literal["number"] = "number"
    impute: float
    factor: float
    offset: float
    indicator: bool

    def field(self, name: str) -> Field:
        labels = (name, f"{name} missing") if self.indicator else (name,)
        return Field(name=name, kind="dense", shape=(len(labels),), labels=labels)


class NumberColumn(ColumnType[NumberState, NormalizeNumber, NumberEncoding]):
    """Real numbers, 64 bits at rest."""

    name: ClassVar[ColumnTypeName] = "number"
    dtype: ClassVar[pl.DataType] = pl.Float64()

    def could_be(self, values: pl.Series) -> bool:
        """Text such as 007 is no number: read as one it would lose its zeros."""
        if values.dtype.is_numeric():
            return True
        if values.dtype != pl.String:
            return False
        present = values.drop_nulls()
        if present.str.contains(_LEADING_ZERO).any():
            return False
        return present.str.strip_chars().cast(pl.Float64, strict=False).null_count() == 0

    def cast(self, values: pl.Series) -> pl.Series:
        if values.dtype == pl.String:
            values = values.str.strip_chars()
        return values.cast(pl.Float64, strict=False).fill_nan(None)

    def expect(self, column: str, values: pl.Series) -> list[Expectation]:
        present = values.drop_nulls()
        drafted = []
        if len(present):
            low, high = float(present.min()), float(present.max())  # type: ignore[arg-type]
            slack = (high - low) * _DRAFTED_MARGIN
            bounds = {"min_value": round_significant(low - slack), "max_value": round_significant(high + slack)}
            drafted.append(expectation("column_values_to_be_between", "critical", column=column, **bounds))
        if not values.null_count():
            drafted.append(expectation("column_values_to_not_be_null", "warning", column=column))
        return drafted

    def faults(self, values: pl.Series) -> pl.Series:
        infinite = values.is_infinite()
        frame = pl.DataFrame({"infinite": infinite})
        reason = pl.when("infinite").then(pl.lit(f"{values.name} is infinite"))
        return frame.select(reason.alias(values.name)).to_series()

    def fit(self, values: pl.Series, settings: NormalizeNumber) -> NumberState:
        present = values.drop_nulls().to_numpy()
        missing = len(values) - len(present)
        if not len(present):
            return NumberState(0, missing, 0.0, 0.0, math.inf, -math.inf)
        mean = float(present.mean())
        m2 = float(((present - mean) ** 2).sum())
        return NumberState(len(present), missing, mean, m2, float(present.min()), float(present.max()))

    def merge(self, first: NumberState, second: NumberState) -> NumberState:
        """Chan, Golub and LeVeque (1979): pairwise update of mean and squared differences."""
        count = first.count + second.count
        if count == 0:
            return NumberState(0, first.num_missing + second.num_missing, 0.0, 0.0, math.inf, -math.inf)
        delta = second.mean - first.mean
        return NumberState(
            count=count,
            num_missing=first.num_missing + second.num_missing,
            mean=first.mean + delta * second.count / count,
            m2=first.m2 + second.m2 + delta**2 * first.count * second.count / count,
            minimum=min(first.minimum, second.minimum),
            maximum=max(first.maximum, second.maximum),
        )

    def finish(self, state: NumberState, settings: NormalizeNumber) -> NumberEncoding:
        if state.count == 0:
            raise UserError("has no number in any training row; give it the role id to leave it out")
        center, width = _center_and_width(state, settings.scale)
        factor = 1 / width if width > 0 else 1.0
        return NumberEncoding(
            impute=round_significant(state.mean) if settings.impute == "mean" else 0.0,
            factor=round_significant(factor),
            offset=round_significant(-center * factor),
            indicator=settings.indicator and state.num_missing > 0,
        )

    def transform(self, values: pl.Series, encoding: NumberEncoding) -> NDArray[np.float32]:
        missing = values.is_null().to_numpy()
        numbers = values.fill_null(encoding.impute).to_numpy()
        scaled = (numbers * encoding.factor + encoding.offset).astype(np.float32)
        return np.stack([scaled, missing.astype(np.float32)], axis=1) if encoding.indicator else scaled[:, None]


def _center_and_width(state: NumberState, scale: str) -> tuple[float, float]:
    """What is taken away and what the rest is divided by; a column of one value has no width."""
    spread = state.maximum - state.minimum
    match scale:
        case "standard":
            return state.mean, math.sqrt(state.m2 / state.count)
        case "min_max":
            return state.minimum, spread
        case "symmetric":
            return state.minimum + spread / 2, spread / 2
        case _:
            return 0.0, 1.0
