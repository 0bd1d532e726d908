"""How dates and times are written: formats, which of them a column fits, and reading by one."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from datetime import UTC, datetime

import numpy as np
import polars as pl

from tasks.repair.repair import FEW

_DAYS = (
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%d.%m.%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%d/%m/%y",
    "%m/%d/%y",
    "%d.%m.%y",
    "%d %b %Y",
    "%d %B %Y",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%b %d, %Y",
    "%B %d, %Y",
)
_TIMES = ("", " %H:%M", " %H:%M:%S%.f", " %I:%M %p", " %I:%M:%S %p")
_ISO = (
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%dT%H:%M%#z",
    "%Y-%m-%dT%H:%M:%S%.f%#z",
    "%Y-%m-%d %H:%M:%S%.f%#z",
    # As BigQuery writes them.
    "%Y-%m-%d %H:%M:%S%.f UTC",
)

FORMATS: tuple[str, ...] = (*_ISO, *(day + time for day in _DAYS for time in _TIMES))
"""What is tried, in this order, in the notation of Rust's chrono: `%.f` is a fraction of a second, if there is one, and
`%#z` is Z or an offset. Day before month, where both would do. Eight digits are a number, unless the user says so."""

EPOCHS: dict[str, int] = {"epoch seconds": 1_000_000, "epoch milliseconds": 1_000}
"""Formats of numbers that count from 1970, and the microseconds of one step. Only the user can know of these."""

_FIRST_DAY = datetime(1000, 1, 1)
"""`%Y` also reads 20 as the year 20, which no table means."""

_FIRST_MOMENT = np.datetime64("0001-01-01T00:00:00", "us")
_LAST_MOMENT = np.datetime64("9999-12-31T23:59:59.999999", "us")

_DAY, _MINUTE, _FRACTION = r"\d{4}-\d\d-\d\d", r"\d\d:\d\d", r"(\.\d{3}|\.\d{6}|)"
_PLAIN = tuple(
    re.compile(shape)
    for shape in (
        _DAY,
        f"{_DAY} {_MINUTE}",
        f"{_DAY} {_MINUTE}:\\d\\d{_FRACTION}",
        f"{_DAY}T{_MINUTE}",
        f"{_DAY}T{_MINUTE}:\\d\\d{_FRACTION}",
        f"{_DAY}T{_MINUTE}:\\d\\d{_FRACTION}(Z|[+-]{_MINUTE})",
    )
)
"""Each is one of FORMATS that no other can be taken for, and Python reads it too."""

_HEADS = (1, 200)
"""Most formats fail at the first value and most of the others soon: only those that are left see the whole part."""

_DOTTED = "%d.%m.%y"
_DOTTED_DAY = r"^\d{1,2}\.\d{1,2}\.\d\d(\D|$)"
"""`%y` also reads 1.2.3, which is the version of a program."""

_SIGNS = {name: frozenset(re.sub("%[.#]?[A-Za-z]", "", name)) for name in FORMATS}
"""What stands between the numbers: a look at the first value rules out most formats without reading by them."""


_DIRECTIVE = re.compile(r"(%[^A-Za-z]?[A-Za-z])")
_UNITS = ("%Y", "%m", "%d", "%H", "%M", "%S")
_FIXED_WIDTH = {unit: "([0-9]{4})" if unit == "%Y" else "([0-9]{2})" for unit in _UNITS}
_WHOLE_TIMES = tuple(frozenset(_UNITS[:count]) for count in (3, 5, 6))


def fitting_formats(values: pl.Series, among: Collection[str] = FORMATS) -> frozenset[str]:
    """Those of the formats that every present value of the part is written in; parts together fit what they all fit."""
    if values.dtype != pl.String:
        return frozenset()
    present = values.drop_nulls()
    formats = [name for name in _conceivable(present) if name in among]
    for size in (*_HEADS, len(present)):
        head = present.head(size)
        formats = [name for name in formats if parse(head, name).null_count() == 0]
    return frozenset(formats)


def ambiguous(formats: frozenset[str]) -> bool:
    """Whether nothing tells days from months: both orders fit, and FORMATS decides for days first."""
    return any(_swapped(name) in formats for name in formats)


def first_format(formats: frozenset[str]) -> str | None:
    """The one of several that fit which is taken."""
    return next((name for name in FORMATS if name in formats), None)


def best_format(values: pl.Series) -> str:
    """The format of text, or what comes nearest: the one that most values are written in."""
    fitting = first_format(fitting_formats(values))
    if fitting is not None:
        return fitting
    head = values.drop_nulls().head(_HEADS[-1])
    likely = [name for name in FORMATS if parse(head, name).null_count() < len(head)]
    return min(likely or FORMATS, key=lambda name: parse(values, name).null_count())


def parse(values: pl.Series, written: str) -> pl.Series:
    """Text or numbers in that format as timestamps in UTC; what is not written so becomes missing.

    The format is one of FORMATS or EPOCHS, or any other of strftime's: Python's `.%f` and `%z` are understood. Values
    that are timestamps already need none.
    """
    if values.dtype in (pl.Date, pl.Datetime):
        return in_utc(values)
    if written in EPOCHS:
        return _since_1970(values if values.dtype.is_numeric() else _as_text(values).str.strip_chars(), EPOCHS[written])
    text = _as_text(values)
    chrono = _chrono(written)
    # Fractions of a second are rare, as are blanks around: looking for either costs more than all the rest.
    whole_seconds = chrono.replace("%.f", "")
    times = _read(text, whole_seconds)
    # Something was not read, so blanks or fractions of a second may be why.
    if times.null_count() > text.null_count():
        times = _read(text.str.strip_chars(), chrono)
    return times


def plain_times(values: pl.Series) -> pl.Series | None:
    """A few texts, if they are all written in one of the commonest ways: as `parse` reads them by `best_format`, but in
    a hundredth of the time. None if that does not do."""
    if len(values) > FEW:
        return None
    written = values.to_list()
    present = [text for text in written if text is not None]
    if not any(all(map(plain.fullmatch, present)) for plain in _PLAIN):
        return None
    try:
        read = [None if text is None else _iso_time(text) for text in written]
    # A day that the calendar lacks, or a time zone that leads beyond the year 9999: `parse` says what becomes of it.
    except (ValueError, OverflowError):
        return None
    return pl.Series(values.name, read, dtype=pl.Datetime("us"))


def iso_time(text: str) -> datetime | None:
    """Text in ISO 8601 as a time in UTC; None where it is no such time, or none that `parse` takes for one."""
    try:
        return _iso_time(text.strip())
    except (ValueError, OverflowError):
        return None


def text_parser(written: str | None) -> Callable[[str], datetime | None] | None:
    """Reads one text in that format, or without one in ISO 8601, as `parse` and `iso_time` do; what it answers None to
    is for these to judge. None for a format of anything else than `_UNITS`."""
    if written is None:
        return iso_time
    # A fraction of a second is left to `parse`.
    pieces = _DIRECTIVE.split(_chrono(written).replace("%.f", ""))
    units = tuple(pieces[1::2])
    if written in EPOCHS or frozenset(units) not in _WHOLE_TIMES or len(set(units)) < len(units):
        return None
    shape = re.compile("".join(_FIXED_WIDTH.get(piece, re.escape(piece)) for piece in pieces))
    # Where each unit stands, in the order of `datetime`.
    places = [units.index(unit) for unit in _UNITS if unit in units]

    def read(text: str) -> datetime | None:
        match = shape.fullmatch(text)
        if match is None:
            return None
        try:
            year, month, day, *of_day = (int(match[place + 1]) for place in places)
            hour, minute, second, *_ = (*of_day, 0, 0, 0)
            time = datetime(year, month, day, hour, minute, second)
        except ValueError:
            return None
        return None if time < _FIRST_DAY else time

    return read


def shown(time: datetime, written: str) -> str:
    """The time in that format, for people."""
    if written in EPOCHS:
        return str(int(time.replace(tzinfo=UTC).timestamp() * 1_000_000 / EPOCHS[written]))
    # The time has no zone to be written; it is of UTC.
    chrono = _chrono(written).replace("%.f", "").replace("%#z", "+00:00")
    return str(pl.Series([time]).dt.strftime(chrono)[0])


def _iso_time(text: str) -> datetime:
    """In UTC. Raises ValueError or OverflowError where there is no such time, or none that `parse` takes for one."""
    time = datetime.fromisoformat(text)
    if time.tzinfo is not None:
        time = time.astimezone(UTC).replace(tzinfo=None)
    if time < _FIRST_DAY:
        raise ValueError(text)
    return time


def _read(text: pl.Series, chrono: str) -> pl.Series:
    zone = "UTC" if "%#z" in chrono else None
    times = text.str.to_datetime(chrono, time_unit="us", time_zone=zone, strict=False).dt.replace_time_zone(None)
    if chrono.startswith(_DOTTED):
        times = times.set(~text.str.contains(_DOTTED_DAY), None)
    return times.set(times < _FIRST_DAY, None) if "%Y" in chrono else times


def in_utc(values: pl.Series) -> pl.Series:
    """Dates and times as timestamps: those of a time zone in UTC, without it; missing beyond the year 9999."""
    if isinstance(values.dtype, pl.Datetime) and values.dtype.time_zone is not None:
        values = values.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return _within_reach(values.cast(pl.Datetime("us"), strict=False))


def _conceivable(present: pl.Series) -> list[str]:
    """The formats whose signs are all in the first value, with a number."""
    if present.is_empty():
        return list(FORMATS)
    first: str = present[0]
    return [name for name in FORMATS if _SIGNS[name] <= set(first)] if re.search(r"\d", first) else []


def _since_1970(numbers: pl.Series, step: int) -> pl.Series:
    microseconds = (numbers.cast(pl.Float64, strict=False) * step).round().cast(pl.Int64, strict=False)
    return _within_reach(microseconds.cast(pl.Datetime("us")))


def _within_reach(times: pl.Series) -> pl.Series:
    """Only years that Python and pandas know too."""
    moments = times.to_numpy()
    beyond = (moments < _FIRST_MOMENT) | (moments > _LAST_MOMENT)
    return times.set(pl.Series(beyond), None) if beyond.any() else times


def _as_text(values: pl.Series) -> pl.Series:
    """Numbers such as 20240131.0 without the fraction that a table reader gave them."""
    if values.dtype.is_float():
        # A fraction of `.0` would fit no format.
        values = values.cast(pl.Int64, strict=False)
    return values.cast(pl.String, strict=False)


def _chrono(written: str) -> str:
    return written.replace(".%f", "%.f").replace("%:z", "%z").replace("%z", "%#z")


def _swapped(written: str) -> str:
    return written.translate(str.maketrans("dm", "md")) if "%d" in written and "%m" in written else ""
