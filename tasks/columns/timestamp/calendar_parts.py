"""Parts of the calendar, of many timestamps at once or of one: months, weekdays, hours."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.params.normalize import TimestampPart

PERIODS: dict[TimestampPart, int] = {"month": 12, "day": 31, "weekday": 7, "hour": 24, "minute": 60}
"""Parts that begin anew after so many steps: December is next to January. Such a part is a point on a circle."""

Integers = NDArray[np.int64]

_MICROSECONDS_A_MINUTE = 60_000_000
_MICROSECONDS_AN_HOUR = 60 * _MICROSECONDS_A_MINUTE
_MICROSECONDS_A_DAY = 24 * _MICROSECONDS_AN_HOUR
_FIRST_WEEKDAY = 3
"""1970 began with a Thursday; Monday is 0."""
_FEW_DAYS = 100
"""The calendar answers for so many before their first and last are found."""


@cache
def circle(period: int) -> NDArray[np.float64]:
    """Sine and cosine of each step, from 0 to the period: [period + 1, 2]. For all to read, and none to change."""
    angles = 2 * math.pi * np.arange(period + 1, dtype=np.float64) / period
    return np.stack([np.sin(angles), np.cos(angles)], axis=1)


def calendar_part(times: Integers, name: TimestampPart) -> NDArray[Any]:
    """A part of each of microseconds since 1970 [N]: days since 1970 with fractions and years as doubles, the others as
    whole numbers from 0 or 1."""
    match name:
        case "elapsed":
            return times / _MICROSECONDS_A_DAY
        case "hour":
            return times // _MICROSECONDS_AN_HOUR % 24
        case "minute":
            return times // _MICROSECONDS_A_MINUTE % 60
        case "weekday":
            return (times // _MICROSECONDS_A_DAY + _FIRST_WEEKDAY) % 7 + 1
        case _:
            return _of_days(times // _MICROSECONDS_A_DAY, name)


def _of_days(days: Integers, name: TimestampPart) -> NDArray[Any]:
    """A part of each of days since 1970 [N]. Where they crowd it is looked up, for the calendar is slow."""
    if len(days) < _FEW_DAYS:
        return _of_calendar(days, name)
    first, last = int(days.min()), int(days.max())
    # The table of all days between would be larger than the column itself.
    if last - first >= len(days):
        return _of_calendar(days, name)
    return _of_calendar(np.arange(first, last + 1), name)[days - first]


def _of_calendar(days: Integers, name: TimestampPart) -> NDArray[Any]:
    """The Gregorian one, also before it was introduced."""
    dates = days.view("datetime64[D]")
    months = dates.astype("datetime64[M]")
    month_numbers: Integers = months.view(np.int64)
    match name:
        case "year":
            return (month_numbers // 12 + 1970).astype(np.float64)
        case "month":
            return month_numbers % 12 + 1
        case _:
            day_numbers: Integers = (dates - months).view(np.int64)
            return day_numbers + 1
