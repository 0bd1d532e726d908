"""Timestamps: read in whatever format the whole column is written in; calendar parts become model input."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from numbers import Real
from typing import Any, ClassVar, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.columns.base import ColumnType, Encoding, Expectation, Statistic, expectation
from tasks.columns.cells import CellReader, OddCellError, text_reader
from tasks.columns.disturbance import MISSING, Disturbance
from tasks.columns.moments import Moments, factor_and_offset, moments
from tasks.columns.timestamp.calendar_parts import PERIODS, Integers, calendar_part, circle
from tasks.columns.timestamp.formats import (
    FORMATS,
    ambiguous,
    best_format,
    fitting_formats,
    in_utc,
    iso_time,
    parse,
    plain_times,
    shown,
    text_parser,
)
from tasks.columns.value_summary import ValueSummary
from tasks.errors import UserError
from tasks.model_input.inputs import Field
from tasks.params.clean import CleanColumn
from tasks.params.config import ColumnTypeName, Config
from tasks.params.normalize import NormalizeTimestamp, TimestampPart
from tasks.repair.repair import Repair
from tasks.tables.dialect import ColumnDialect

__all__ = ["FORMATS", "TimestampColumn", "TimestampEncoding", "ambiguous", "fitting_formats", "parse"]

_DRAFTED_MARGIN = 0.5
"""A drafted range begins half of what was seen before the first of it: older rows may be left-overs."""

_EXAMPLE = datetime(2024, 1, 31, 23, 59)

_FIRST_DAY = np.datetime64("0001-01-01T00:00:00", "us")

Inputs = NDArray[np.float32] | NDArray[np.float64]
PartState = Moments | frozenset[int]
"""What training rows say of a part: of one with a period, which of its steps there were."""


@dataclass(frozen=True)
class TimestampState:
    """What was seen of each part, in the order of the settings, and how many timestamps were missing."""

    parts: tuple[PartState, ...]
    num_missing: int


class Part(Config):
    """One calendar part x: (x - mean) / std as x * factor + offset, or for one with a period its point on a
    circle, where factor and offset are left as they are."""

    name: TimestampPart
    factor: float = 1.0
    offset: float = 0.0

    def labels(self, column: str) -> tuple[str, ...]:
        label = f"{column} {self.name}"
        return (f"{label} sin", f"{label} cos") if self.name in PERIODS else (label,)

    @property
    def num_inputs(self) -> int:
        return 2 if self.name in PERIODS else 1

    def inputs(self, times: Integers) -> Inputs:
        """One or two inputs [N, 1 or 2] of microseconds since 1970 [N]."""
        values = calendar_part(times, self.name)
        period = PERIODS.get(self.name)
        inputs: Inputs = circle(period)[values] if period else (values * self.factor + self.offset)[:, None]
        return inputs


class TimestampEncoding(Encoding):
    """Calendar parts side by side; a missing timestamp is 0 in all of them, which is the mean of those with one."""

    type: Literal["timestamp"] = "timestamp"
    parts: tuple[Part, ...]
    indicator: bool

    @property
    def num_inputs(self) -> int:
        return sum(part.num_inputs for part in self.parts) + self.indicator

    def field(self, name: str) -> Field:
        labels = [label for part in self.parts for label in part.labels(name)]
        if self.indicator:
            labels.append(f"{name} missing")
        return Field(name=name, kind="dense", shape=(len(labels),), labels=tuple(labels))


class TimestampColumn(ColumnType[TimestampState, NormalizeTimestamp, TimestampEncoding]):
    """Dates and times, to the microsecond, in UTC."""

    name: ClassVar[ColumnTypeName] = "timestamp"
    dtype: ClassVar[pl.DataType] = pl.Datetime("us")
    encoding: ClassVar[type[Encoding]] = TimestampEncoding
    statistics: ClassVar[frozenset[Statistic]] = frozenset({"extremes"})
    missing_words: ClassVar[frozenset[str]] = frozenset({"", "nat"})
    clean_settings: ClassVar[frozenset[str]] = frozenset({"generalise.unit"})
    asks_values: ClassVar[bool] = False
    disturbances: ClassVar[tuple[Disturbance, ...]] = (MISSING,)

    def could_be(self, values: pl.Series) -> bool:
        return values.dtype in (pl.Date, pl.Datetime) or bool(fitting_formats(values))

    def fits(self, summary: ValueSummary) -> bool:
        # Codes such as 0101 are names, though a format without separators would read them as dates.
        return summary.storage == "timestamp" or (summary.format is not None and not summary.is_code)

    def cast(self, values: pl.Series) -> pl.Series:
        """Text in the format that fits most of it, the first of FORMATS where several do. Numbers become missing: only
        a format of the user's says what they count."""
        if values.dtype == pl.String:
            few = plain_times(values)
            return parse(values, best_format(values)) if few is None else few
        if values.dtype in (pl.Date, pl.Datetime):
            return in_utc(values)
        return pl.Series(values.name, [None] * len(values), dtype=self.dtype)

    def read(self, cells: pl.Series, dialect: ColumnDialect) -> pl.Series:
        return parse(cells, dialect.format) if dialect.format else self.cast(cells)

    def read_served(self, cells: pl.Series, dialect: ColumnDialect) -> pl.Series:
        """ISO 8601 as well; with a time zone it becomes UTC, without one it is of UTC. No other format is guessed."""
        nothing = pl.Series(cells.name, [None] * len(cells), dtype=self.dtype)
        read = parse(cells, dialect.format) if dialect.format else nothing
        others = (read.is_null() & cells.is_not_null()).arg_true()
        return read.scatter(others, [iso_time(text) for text in cells[others].to_list()]) if len(others) else read

    def expect(self, column: str, values: pl.Series) -> list[Expectation]:
        """No upper bound: tomorrow's rows are later than any that were seen."""
        drafted = []
        times = values.drop_nulls().to_numpy()
        if len(times):
            earliest = max(times.min() - (times.max() - times.min()) * _DRAFTED_MARGIN, _FIRST_DAY)
            bound = str(np.datetime_as_string(earliest, unit="s"))
            drafted.append(expectation("column_values_to_be_between", "warning", column=column, min_value=bound))
        if not values.null_count():
            drafted.append(expectation("column_values_to_not_be_null", "warning", column=column))
        return drafted

    def from_profile(self, value: Any) -> datetime:
        return datetime.fromisoformat(value)

    def repair(self, own: CleanColumn, settings: Config | None) -> Repair:
        return Repair(unit=own.generalise.unit)

    def served_value(self, value: Any, encoding: TimestampEncoding, dialect: ColumnDialect) -> datetime | None:
        """Times as pandas or Python has them; with a time zone they become those of UTC, without one they are of UTC.
        Numbers where the source writes times as numbers, and nowhere else: nothing says what they would count."""
        if isinstance(value, Real) and not isinstance(value, bool) and dialect.format:
            try:
                time: datetime | None = parse(pl.Series([value]), dialect.format)[0]
            # A whole number of more bits than polars counts by: no time lies there.
            except OverflowError:
                return None
            return time
        if not isinstance(value, date | np.datetime64):
            return None
        return _in_utc(value)

    def accepts(self, dialect: ColumnDialect) -> str:
        plain = _EXAMPLE.isoformat()
        written = shown(_EXAMPLE, dialect.format) if dialect.format else plain
        return f"a time such as {plain}" + (f", or {written}" if written != plain else "")

    def fit(self, values: pl.Series, settings: NormalizeTimestamp) -> TimestampState:
        times = values.drop_nulls().to_numpy().view(np.int64)
        return TimestampState(tuple(_part_state(times, name) for name in settings.parts), values.null_count())

    def merge(self, first: TimestampState, second: TimestampState) -> TimestampState:
        parts = tuple(_merged(*both) for both in zip(first.parts, second.parts, strict=True))
        return TimestampState(parts, first.num_missing + second.num_missing)

    def finish(self, state: TimestampState, settings: NormalizeTimestamp) -> TimestampEncoding:
        """Parts that never vary say nothing, and are left out; when none does, the first stands for the column."""
        states = dict(zip(settings.parts, state.parts, strict=True))
        if not all(map(_has_values, states.values())):
            raise UserError("has no timestamp in any training row; give it the role id to leave it out")
        varying = [name for name, part in states.items() if _varies(part)]
        return TimestampEncoding(
            parts=tuple(_learnt(name, states[name]) for name in varying or settings.parts[:1]),
            indicator=settings.indicator and state.num_missing > 0,
        )

    def transform(self, values: pl.Series, encoding: TimestampEncoding) -> NDArray[np.float64]:
        """[N, K] float64."""
        return _block(values.to_numpy(), encoding)

    def cell_reader(
        self, encoding: TimestampEncoding, repair: Repair | None, dialect: ColumnDialect
    ) -> CellReader | None:
        parser = text_parser(dialect.format)
        if parser is None or dialect.unit is not None or (repair is not None and repair.unit is not None):
            return None
        text = text_reader(dialect.missing, self.missing_texts(encoding, repair, dialect))

        def read(cell: Any) -> datetime | None:
            if cell is None:
                return None
            present = text(cell) if type(cell) is str else cell
            if present is None:
                return None
            time = parser(present) if type(present) is str else None
            if time is None:
                raise OddCellError(cell)
            return time

        return read

    def few_block(self, values: list[Any], encoding: TimestampEncoding) -> NDArray[np.float64]:
        return _block(np.array(values, dtype="datetime64[us]"), encoding)


def _block(times: NDArray[np.datetime64], encoding: TimestampEncoding) -> NDArray[np.float64]:
    """[N, K] of timestamps [N], NaT where one is missing."""
    missing = np.isnat(times)
    if not missing.any():
        return _inputs(times, encoding)
    block = np.zeros((len(times), encoding.num_inputs))
    block[~missing] = _inputs(times[~missing], encoding)
    # The last input is the indicator; without one this writes the 0 that stands there already.
    block[missing, -1] = encoding.indicator
    return block


def _in_utc(value: date | np.datetime64) -> datetime | None:
    import pandas as pd

    try:
        time = pd.Timestamp(value)
        in_utc: datetime = (time.tz_convert(None) if time.tzinfo else time).floor("us").to_pydatetime()
    # Beyond the years that pandas knows.
    except (ValueError, OverflowError):
        return None
    return in_utc


def _inputs(times: NDArray[np.datetime64], encoding: TimestampEncoding) -> NDArray[np.float64]:
    """The parts [N, K] of timestamps [N] of which none is missing."""
    block = np.zeros((len(times), encoding.num_inputs))
    start = 0
    for part in encoding.parts:
        stop = start + part.num_inputs
        block[:, start:stop] = part.inputs(times.view(np.int64))
        start = stop
    return block


def _part_state(times: Integers, name: TimestampPart) -> PartState:
    values = calendar_part(times, name)
    return frozenset(np.flatnonzero(np.bincount(values)).tolist()) if name in PERIODS else moments(values)


def _merged(first: PartState, second: PartState) -> PartState:
    if isinstance(first, Moments) and isinstance(second, Moments):
        return first + second
    assert isinstance(first, frozenset)
    assert isinstance(second, frozenset)
    return first | second


def _has_values(part: PartState) -> bool:
    return part.count > 0 if isinstance(part, Moments) else bool(part)


def _varies(part: PartState) -> bool:
    return part.half_spread > 0 if isinstance(part, Moments) else len(part) > 1


def _learnt(name: TimestampPart, state: PartState) -> Part:
    if not isinstance(state, Moments):
        return Part(name=name)
    factor, offset = factor_and_offset(*state.center_and_std)
    return Part(name=name, factor=factor, offset=offset)
