"""Numbers: imputed, then scaled; an indicator says where a number was missing."""

from __future__ import annotations

import math
from datetime import timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from functools import cached_property
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import AliasChoices
from pydantic import Field as Setting

from tasks.columns.base import (
    ColumnType,
    Encoding,
    Expectation,
    Statistic,
    expectation,
)
from tasks.columns.cells import CellReader
from tasks.columns.disturbance import MISSING, Disturbance
from tasks.columns.moments import factor_and_offset
from tasks.columns.number.cells import number_cell_reader
from tasks.columns.number.disturbances import NOISE
from tasks.columns.number.power_transforms import PowerTransform, TransformName
from tasks.columns.number.state import NumberState, impute_value, merged, number_state, scaling
from tasks.columns.value_summary import ValueSummary
from tasks.errors import UserError
from tasks.model_input.inputs import Field
from tasks.model_input.step_rows import StepRows
from tasks.params.augment import AugmentNumber
from tasks.params.clean import CleanColumn
from tasks.params.config import ColumnTypeName, Config
from tasks.params.normalize import NormalizeNumber
from tasks.repair.number_text import as_numbers, plainly
from tasks.repair.repair import FEW, Repair, down_to
from tasks.repair.units import numbers_with_unit
from tasks.tables.dialect import ColumnDialect

if TYPE_CHECKING:
    from torch import Generator, Tensor

_DRAFTED_MARGIN = Decimal("0.5")
"""A drafted range reaches half its width beyond what was seen: new data may, a slipped decimal point may not."""

_LARGEST = float(np.finfo(np.float32).max)

_LEADING_ZERO = r"^\s*[+-]?0\d"


class NumberEncoding(Encoding):
    """A number x becomes transform(x) * factor + offset; a missing one becomes `impute` first.

    transform: log is sign(x) ln(1 + |x|); power is Yeo and Johnson's, with `power`; quantile is the level of x
    among `quantiles`, which stand at even steps from 0 to 1.
    """

    type: Literal["number"] = "number"
    impute: float
    # recipe.json of an earlier version has it as `bend`.
    transform: TransformName = Setting("none", validation_alias=AliasChoices("transform", "bend"))
    power: float = 1.0
    quantiles: tuple[float, ...] = ()
    factor: float
    offset: float
    indicator: bool

    @cached_property
    def curve(self) -> PowerTransform:
        """What `transform`, `power` and `quantiles` say together; made once."""
        return PowerTransform(self.transform, self.power, self.quantiles)

    def field(self, name: str) -> Field:
        labels = (name, f"{name} missing") if self.indicator else (name,)
        return Field(name=name, kind="dense", shape=(len(labels),), labels=labels)


class NumberColumn(ColumnType[NumberState, NormalizeNumber, NumberEncoding]):
    """Real numbers, 64 bits at rest."""

    name: ClassVar[ColumnTypeName] = "number"
    dtype: ClassVar[pl.DataType] = pl.Float64()
    encoding: ClassVar[type[Encoding]] = NumberEncoding
    statistics: ClassVar[frozenset[Statistic]] = frozenset({"extremes", "moments"})
    asks_values: ClassVar[bool] = False
    missing_words: ClassVar[frozenset[str]] = frozenset({"", "nan"})
    clean_settings: ClassVar[frozenset[str]] = frozenset({"min", "max", "outliers", "generalise.width"})
    disturbances: ClassVar[tuple[Disturbance, ...]] = (MISSING, NOISE)

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

    def fits(self, summary: ValueSummary) -> bool:
        # Digits that a float64 would change name something, and are no amount.
        return summary.is_number and summary.is_exact and summary.num_present > 0

    def cast(self, values: pl.Series) -> pl.Series:
        numbers = as_numbers(values) if values.dtype == pl.String else values.cast(pl.Float64, strict=False)
        # NumPy reads missing numbers as NaN, so more NaN than missing ones means that NaN is among the values. Of few
        # values that is known sooner than polars fills them.
        few = len(numbers) <= FEW and np.count_nonzero(np.isnan(numbers.to_numpy())) == numbers.null_count()
        return numbers if few else numbers.fill_nan(None)

    def is_unread(self, cells: pl.Series, values: pl.Series) -> pl.Series:
        """NaN is a number that is missing."""
        unread = super().is_unread(cells, values)
        return unread & (cells.str.strip_chars().str.to_lowercase() != "nan") if cells.dtype == pl.String else unread

    def read(self, cells: pl.Series, dialect: ColumnDialect) -> pl.Series:
        if cells.dtype != pl.String:
            return self.cast(cells)
        plain = cells if dialect.writes_plain_numbers else plainly(cells, dialect.decimal, dialect.thousands)
        numbers = self.cast(plain)
        return numbers if dialect.unit is None else numbers_with_unit(cells, dialect.unit).fill_null(numbers)

    def read_served(self, cells: pl.Series, dialect: ColumnDialect) -> pl.Series:
        """1234.5 as well, where the source would write 1234,5. What could be either is what the source would mean."""
        numbers = self.read(cells, dialect)
        return numbers if dialect.writes_plain_numbers else numbers.fill_null(self.cast(cells))

    def expect(self, column: str, values: pl.Series) -> list[Expectation]:
        """No range of a single value: it says nothing of how far the next may be."""
        finite = values.filter(values.is_finite())
        drafted = []
        if finite.n_unique() > 1:
            # In decimals, as people read them: as doubles 151.05 + 68.02 is a little more, and becomes 219.070000001.
            low, high = (Decimal(repr(extreme)) for extreme in (finite.min(), finite.max()))
            slack = (high - low) * _DRAFTED_MARGIN
            bounds = dict(zip(("min_value", "max_value"), _round_outwards(low - slack, high + slack), strict=True))
            # A suite is JSON, which has no infinity.
            if all(map(math.isfinite, bounds.values())):
                drafted.append(expectation("column_values_to_be_between", "critical", column=column, **bounds))
        if not values.null_count():
            drafted.append(expectation("column_values_to_not_be_null", "warning", column=column))
        return drafted

    def faults(self, values: pl.Series, settings: Config | None = None) -> pl.Series:
        # Of few values numpy is the faster to tell.
        if len(values) <= FEW and not np.isinf(values.to_numpy()).any():
            return super().faults(values, settings)
        infinite = values.is_infinite()
        if not infinite.any():
            return super().faults(values, settings)
        frame = pl.DataFrame({"infinite": infinite})
        reason = pl.when("infinite").then(pl.lit(f"{values.name} is infinite"))
        return frame.select(reason.alias(values.name)).to_series()

    def repair(self, own: CleanColumn, settings: Config | None) -> Repair:
        """Bounds are made coarse like the values: else the least possible value would lie below its own bound."""
        width = own.generalise.width
        if own.outside == "quarantine":
            return Repair(width=width)
        least, most = (None if value is None else down_to(value, width) for value in (own.min, own.max))
        return Repair(width=width, outside=own.outside, least=least, most=most)

    def served_value(self, value: Any, encoding: NumberEncoding, dialect: ColumnDialect) -> float | None:
        if isinstance(value, timedelta | np.timedelta64):
            return _seconds(value)
        if not isinstance(value, Real | Decimal | np.bool_):
            return None
        try:
            return float(value)
        except OverflowError:  # a whole number of more than 308 digits
            return None

    def accepts(self, dialect: ColumnDialect) -> str:
        if dialect.unit is not None:
            return f"a number, or text such as {dialect.unit.example}"
        if dialect.writes_plain_numbers:
            return "a number"
        return f"a number, or text such as 1{dialect.thousands or ''}234{dialect.decimal}5"

    def fit(self, values: pl.Series, settings: NormalizeNumber) -> NumberState:
        return number_state(values.drop_nulls().to_numpy(), values.null_count(), settings)

    def merge(self, first: NumberState, second: NumberState) -> NumberState:
        return merged(first, second)

    def finish(self, state: NumberState, settings: NormalizeNumber) -> NumberEncoding:
        if state.moments.count == 0:
            raise UserError("has no number in any training row; give it the role id to leave it out")
        curve, center, width = scaling(state, settings.scale)
        factor, offset = factor_and_offset(center, width)
        return NumberEncoding(
            impute=impute_value(state, settings),
            transform=curve.name,
            power=curve.power,
            quantiles=curve.quantiles,
            factor=factor,
            offset=offset,
            indicator=settings.indicator and state.num_missing > 0,
        )

    def transform(self, values: pl.Series, encoding: NumberEncoding) -> NDArray[np.float64]:
        """[N, 1] float64, or [N, 2] with the indicator.

        What float32 cannot hold, in which networks compute, becomes the largest that it can.
        """
        return _block(*_imputed(values, encoding.impute), encoding)

    def cell_reader(self, encoding: NumberEncoding, repair: Repair | None, dialect: ColumnDialect) -> CellReader | None:
        return number_cell_reader(repair, dialect, self.missing_texts(encoding, repair, dialect))

    def few_block(self, values: list[Any], encoding: NumberEncoding) -> NDArray[np.float64]:
        impute, factor, offset = encoding.impute, encoding.factor, encoding.offset
        numbers = [impute if value is None else value for value in values]
        if encoding.transform == "none" and not encoding.indicator:
            scaled = [max(-_LARGEST, min(_LARGEST, number * factor + offset)) for number in numbers]
            return np.array(scaled).reshape(-1, 1)
        return _block(np.array(numbers), np.array([value is None for value in values]), encoding)

    def augment(
        self,
        block: Tensor,
        settings: Config,
        generator: Generator,
        encoding: NumberEncoding,
        std: float,
        rows: StepRows,
    ) -> Tensor:
        """[B, 1] or [B, 2]; noise is scaled by `std`, and the indicator stays."""
        from tasks.columns.number.augment import jittered

        assert isinstance(settings, AugmentNumber)
        return jittered(block, settings, generator, std, rows)


def _block(numbers: NDArray[np.float64], missing: NDArray[np.bool_], encoding: NumberEncoding) -> NDArray[np.float64]:
    """[N, 1] or [N, 2], of numbers [N] that were imputed where they are `missing` [N]."""
    block = np.empty((len(numbers), 1 + encoding.indicator))
    # Overflow is no accident here: what it leaves is cut below.
    with np.errstate(over="ignore"):
        block[:, 0] = encoding.curve(numbers) * encoding.factor + encoding.offset
    if encoding.indicator:
        block[:, 1] = missing
    return np.maximum(np.minimum(block, _LARGEST, out=block), -_LARGEST, out=block)


def _seconds(value: timedelta | np.timedelta64) -> float:
    """As ingest reads a duration: whole steps, divided once."""
    import pandas as pd

    duration = pd.Timedelta(value)
    nanoseconds = duration.microseconds * 1_000 + duration.nanoseconds
    # Whole numbers of Python's, as a hundred days of nanoseconds are more than a float64 holds.
    total: int = (duration.days * 86_400 + duration.seconds) * 10**9 + nanoseconds
    return total / 10**9


def _round_outwards(low: Decimal, high: Decimal) -> tuple[float, float]:
    """Bounds with 12 significant digits that shut out nothing between `low` and `high`; infinite beyond a double."""
    return _rounded(low, ROUND_FLOOR), _rounded(high, ROUND_CEILING)


def _rounded(value: Decimal, rounding: str) -> float:
    return float(Context(prec=12, rounding=rounding).create_decimal(value))


def _imputed(values: pl.Series, impute: float) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Numbers [N], and where one was missing [N]. Of few values numpy is the faster to tell, of many polars."""
    if len(values) > FEW:
        return values.fill_null(impute).to_numpy(), values.is_null().to_numpy()
    numbers = values.to_numpy()
    missing = np.isnan(numbers)
    return (np.where(missing, impute, numbers) if missing.any() else numbers), missing
