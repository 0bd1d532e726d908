"""Numbers: imputed, then scaled; an indicator says where a number was missing."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.columns.base import ColumnType, Encoding, Expectation, expectation, round_significant
from tasks.columns.moments import Moments, factor_and_offset, merged, moments
from tasks.errors import UserError
from tasks.inputs import Field
from tasks.params import ColumnTypeName, NormalizeNumber

_DRAFTED_MARGIN = 0.5
"""A drafted range reaches half its width beyond what was seen: new data may, a slipped decimal point may not."""

_LARGEST = float(np.finfo(np.float32).max)

_LEADING_ZERO = r"^\s*[+-]?0\d"


@dataclass(frozen=True)
class NumberState:
    """The numbers seen, and how many were missing."""

    seen: Moments
    num_missing: int


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
        finite = values.filter(values.is_finite())
        drafted = []
        if len(finite):
            low, high = float(finite.min()), float(finite.max())  # type: ignore[arg-type]
            slack = high * _DRAFTED_MARGIN - low * _DRAFTED_MARGIN
            bounds = {"min_value": round_significant(low - slack), "max_value": round_significant(high + slack)}
            if all(map(math.isfinite, bounds.values())):
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
        return NumberState(moments(values.drop_nulls().to_numpy()), values.null_count())

    def merge(self, first: NumberState, second: NumberState) -> NumberState:
        return NumberState(merged(first.seen, second.seen), first.num_missing + second.num_missing)

    def finish(self, state: NumberState, settings: NormalizeNumber) -> NumberEncoding:
        if state.seen.count == 0:
            raise UserError("has no number in any training row; give it the role id to leave it out")
        factor, offset = factor_and_offset(*_center_and_width(state.seen, settings.scale))
        return NumberEncoding(
            impute=state.seen.rounded_mean if settings.impute == "mean" else 0.0,
            factor=factor,
            offset=offset,
            indicator=settings.indicator and state.num_missing > 0,
        )

    def transform(self, values: pl.Series, encoding: NumberEncoding) -> NDArray[np.float32]:
        """[N, 1] float32, or [N, 2] with the indicator. What float32 cannot hold becomes the largest that it can."""
        missing = values.is_null().to_numpy()
        numbers = values.fill_null(encoding.impute).to_numpy()
        with np.errstate(over="ignore"):
            scaled = (numbers * encoding.factor + encoding.offset).clip(-_LARGEST, _LARGEST).astype(np.float32)
        return np.stack([scaled, missing.astype(np.float32)], axis=1) if encoding.indicator else scaled[:, None]


def _center_and_width(seen: Moments, scale: str) -> tuple[float, float]:
    """What is taken away and what the rest is divided by; a column of one value has no width."""
    match scale:
        case "standard":
            return seen.center_and_deviation
        case "min_max":
            return seen.minimum, min(2 * seen.half_spread, sys.float_info.max)
        case "symmetric":
            return seen.minimum / 2 + seen.maximum / 2, seen.half_spread
        case _:
            return 0.0, 1.0
