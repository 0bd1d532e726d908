"""Days of rows as windows: each with rows enough to tell something, each looked at once, when its days are over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

DAY = timedelta(days=1)


def windows_between(rows_of_day: Mapping[date, int], begin: date, end: date, min_rows: int) -> list[tuple[date, date]]:
    """The windows from `begin` up to and without the day `end`: a day, or as many as it takes to have `min_rows`.

    The first day of each, and the one behind its last. Days at the end that have too few rows wait for more.
    """
    windows, start, num_rows = [], begin, 0
    day = begin
    while day < end:
        num_rows += rows_of_day.get(day, 0)
        day += DAY
        if num_rows >= min_rows:
            windows.append((start, day))
            start, num_rows = day, 0
    return windows
