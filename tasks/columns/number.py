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
from tasks.errors import UserError
from tasks.inputs import Field
from tasks.params import ColumnTypeName, NormalizeNumber

_DRAFTED_MARGIN = 0.5
"""A drafted range reaches half its width beyond what was seen: new data may, a slipped decimal point may not."""

_LEAST_WIDTH = 1e-300
"""What is narrower is one value: dividing by it would overflow."""

_LARGEST = float(np.finfo(np.float32).max)
_ZERO = np.longdouble(0)

_LEADING_ZERO = r"^\s*[+-]?0\d"


@dataclass(frozen=True)
class NumberState:
    """Count, moments and range of the numbers seen; `m2` is the sum of squared differences from the mean.

    In extended precision where the machine has it: sums over parts cut elsewhere then agree well beyond the digits that
    are kept, and the squares of large numbers do not overflow.
    """

    count: int
    num_missing: int
    mean: np.longdouble
    m2: np.longdouble
    minimum: float
    maximum: float

    @property
    def magnitude(self) -> float:
        return max(abs(self.minimum), abs(self.maximum))


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
        present = values.drop_nulls().to_numpy().astype(np.longdouble)
        missing = len(values) - len(present)
        if not len(present):
            return NumberState(0, missing, _ZERO, _ZERO, math.inf, -math.inf)
        mean = present.mean()
        m2 = ((present - mean) ** 2).sum()
        return NumberState(len(present), missing, mean, m2, float(present.min()), float(present.max()))

    def merge(self, first: NumberState, second: NumberState) -> NumberState:
        """Chan, Golub and LeVeque (1979): pairwise update of mean and squared differences."""
        count = first.count + second.count
        if count == 0:
            return NumberState(0, first.num_missing + second.num_missing, _ZERO, _ZERO, math.inf, -math.inf)
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
        factor = 1 / width if width >= _LEAST_WIDTH else 1.0
        return NumberEncoding(
            impute=_rounded_mean(state) if settings.impute == "mean" else 0.0,
            factor=factor,
            offset=0.0 - center * factor,
            indicator=settings.indicator and state.num_missing > 0,
        )

    def transform(self, values: pl.Series, encoding: NumberEncoding) -> NDArray[np.float32]:
        """[N, 1] float32, or [N, 2] with the indicator. What float32 cannot hold becomes the largest that it can."""
        missing = values.is_null().to_numpy()
        numbers = values.fill_null(encoding.impute).to_numpy()
        with np.errstate(over="ignore"):
            scaled = (numbers * encoding.factor + encoding.offset).clip(-_LARGEST, _LARGEST).astype(np.float32)
        return np.stack([scaled, missing.astype(np.float32)], axis=1) if encoding.indicator else scaled[:, None]


def _center_and_width(state: NumberState, scale: str) -> tuple[float, float]:
    """What is taken away and what the rest is divided by; a column of one value has no width."""
    half_spread = state.maximum / 2 - state.minimum / 2
    match scale:
        case "standard" if half_spread > 0:
            return _rounded_mean(state), round_significant(float(np.sqrt(state.m2 / state.count)))
        case "standard":
            return state.minimum, 0.0
        case "min_max":
            return state.minimum, min(2 * half_spread, sys.float_info.max)
        case "symmetric":
            return state.minimum / 2 + state.maximum / 2, half_spread
        case _:
            return 0.0, 1.0


def _rounded_mean(state: NumberState) -> float:
    """To 12 digits of the largest number: when numbers cancel out, what is left of them is noise."""
    if state.magnitude < _LEAST_WIDTH:
        return 0.0
    return round(float(state.mean), 11 - math.floor(math.log10(state.magnitude)))
