"""Timestamps: read in whatever format the whole column is written in; calendar parts become model input."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.columns.base import ColumnType, Encoding, Expectation, expectation
from tasks.columns.moments import Moments, factor_and_offset, merged, moments
from tasks.columns.time_formats import FORMATS, ambiguous, best_format, fitting_formats, in_utc, parse
from tasks.errors import UserError
from tasks.inputs import Field
from tasks.params import ColumnTypeName, Config, NormalizeTimestamp, TimestampPart

__all__ = ["FORMATS", "TimestampColumn", "TimestampEncoding", "ambiguous", "fitting_formats", "parse"]

_PERIODS: dict[TimestampPart, int] = {"month": 12, "day": 31, "weekday": 7, "hour": 24, "minute": 60}
"""Parts that begin anew after so many steps: December is next to January. Such a part is a point on a circle."""

_MICROSECONDS_A_DAY = 86_400_000_000
_DRAFTED_MARGIN = 0.5
"""A drafted range begins half of what was seen before the first of it: older rows may be left-overs."""

_FIRST_DAY = np.datetime64("0001-01-01T00:00:00", "us")


@dataclass(frozen=True)
class TimestampState:
    """Each part's moments, in the order of the settings, and how many timestamps were missing."""

    parts: tuple[Moments, ...]
    num_missing: int


class Part(Config):
    """One calendar part x: (x - mean) / deviation as x * factor + offset, or for one with a period its place on a
    circle, where factor and offset are left as they are."""

    name: TimestampPart
    factor: float = 1.0
    offset: float = 0.0

    def labels(self, column: str) -> tuple[str, ...]:
        label = f"{column} {self.name}"
        return (f"{label} sin", f"{label} cos") if self.name in _PERIODS else (label,)

    def inputs(self, times: pl.Series) -> Iterator[NDArray[np.float64]]:
        """One or two inputs [N] of timestamps of which none is missing."""
        values = _part(times, self.name)
        if period := _PERIODS.get(self.name):
            angle = 2 * math.pi * values / period
            yield from (np.sin(angle), np.cos(angle))
        else:
            yield values * self.factor + self.offset


class TimestampEncoding(Encoding):
    """Calendar parts side by side; a missing timestamp is 0 in all of them, which is the mean of those with one."""

    type: Literal["timestamp"] = "timestamp"
    parts: tuple[Part, ...]
    indicator: bool

    def field(self, name: str) -> Field:
        labels = [label for part in self.parts for label in part.labels(name)]
        if self.indicator:
            labels.append(f"{name} missing")
        return Field(name=name, kind="dense", shape=(len(labels),), labels=tuple(labels))


class TimestampColumn(ColumnType[TimestampState, NormalizeTimestamp, TimestampEncoding]):
    """Dates and times, to the microsecond, in UTC."""

    name: ClassVar[ColumnTypeName] = "timestamp"
    dtype: ClassVar[pl.DataType] = pl.Datetime("us")

    def could_be(self, values: pl.Series) -> bool:
        return values.dtype in (pl.Date, pl.Datetime) or bool(fitting_formats(values))

    def cast(self, values: pl.Series) -> pl.Series:
        """Text in the format that fits most of it, the first of FORMATS where several do. Numbers become missing: only
        a format of the user's says what they count."""
        if values.dtype == pl.String:
            return parse(values, best_format(values))
        if values.dtype in (pl.Date, pl.Datetime):
            return in_utc(values)
        return pl.Series(values.name, [None] * len(values), dtype=self.dtype)

    def expect(self, column: str, values: pl.Series) -> list[Expectation]:
        """No upper bound: tomorrow's rows are later than any that were seen."""
        drafted = []
        seen = values.drop_nulls().to_numpy()
        if len(seen):
            earliest = max(seen.min() - (seen.max() - seen.min()) * _DRAFTED_MARGIN, _FIRST_DAY)
            bound = str(np.datetime_as_string(earliest, unit="s"))
            drafted.append(expectation("column_values_to_be_between", "warning", column=column, min_value=bound))
        if not values.null_count():
            drafted.append(expectation("column_values_to_not_be_null", "warning", column=column))
        return drafted

    def fit(self, values: pl.Series, settings: NormalizeTimestamp) -> TimestampState:
        present = values.drop_nulls()
        return TimestampState(tuple(moments(_part(present, name)) for name in settings.parts), values.null_count())

    def merge(self, first: TimestampState, second: TimestampState) -> TimestampState:
        parts = tuple(merged(one, other) for one, other in zip(first.parts, second.parts, strict=True))
        return TimestampState(parts, first.num_missing + second.num_missing)

    def finish(self, state: TimestampState, settings: NormalizeTimestamp) -> TimestampEncoding:
        """Parts that never vary say nothing, and are left out; when none does, the first stands for the column."""
        seen = dict(zip(settings.parts, state.parts, strict=True))
        if not all(part.count for part in seen.values()):
            raise UserError("has no timestamp in any training row; give it the role id to leave it out")
        varying = [name for name, part in seen.items() if part.half_spread > 0]
        return TimestampEncoding(
            parts=tuple(_learnt(name, seen[name]) for name in varying or settings.parts[:1]),
            indicator=settings.indicator and state.num_missing > 0,
        )

    def transform(self, values: pl.Series, encoding: TimestampEncoding) -> NDArray[np.float32]:
        """[N, K] float32."""
        there = values.is_not_null().to_numpy()
        block = np.zeros((len(values), *encoding.field(values.name).shape), dtype=np.float32)
        present = values.drop_nulls()
        inputs = [column for part in encoding.parts for column in part.inputs(present)]
        block[there, : len(inputs)] = np.stack(inputs, axis=1)
        if encoding.indicator:
            block[~there, -1] = 1
        return block


def _learnt(name: TimestampPart, seen: Moments) -> Part:
    if name in _PERIODS:
        return Part(name=name)
    factor, offset = factor_and_offset(*seen.center_and_deviation)
    return Part(name=name, factor=factor, offset=offset)


def _part(times: pl.Series, name: TimestampPart) -> NDArray[np.float64]:
    """A part of each timestamp [N]; `elapsed` is in days since 1970, with fractions."""
    if name == "elapsed":
        return times.to_physical().to_numpy() / _MICROSECONDS_A_DAY
    part: pl.Series = getattr(times.dt, name)()
    return part.cast(pl.Float64).to_numpy()
