from __future__ import annotations

from datetime import datetime
from typing import get_args

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.columns.timestamp.calendar_parts import PERIODS, Integers, calendar_part, circle
from tasks.params.normalize import TimestampPart

PARTS: list[TimestampPart] = list(get_args(TimestampPart))
CALENDAR = [part for part in PARTS if part != "elapsed"]
MICROSECONDS_A_DAY = 86_400_000_000


def times_of(moments: list[datetime]) -> Integers:
    return pl.Series("x", moments, dtype=pl.Datetime("us")).to_numpy().view(np.int64)


@settings(derandomize=True, deadline=None, max_examples=50)
@given(moments=st.lists(st.datetimes(), max_size=5))
def test_parts_are_those_that_python_gives(moments: list[datetime]) -> None:
    for part in CALENDAR:
        expected = [moment.isoweekday() if part == "weekday" else getattr(moment, part) for moment in moments]
        assert calendar_part(times_of(moments), part).tolist() == expected


@pytest.mark.parametrize("span", [20, 300, 3_000_000], ids=["crowded", "a year", "all of history"])
@pytest.mark.parametrize("part", PARTS)
def test_many_at_once_are_told_as_one_by_one(part: TimestampPart, span: int) -> None:
    draw = np.random.default_rng(0)
    times = draw.integers(-span // 5, span // 2, 400) * MICROSECONDS_A_DAY + draw.integers(0, MICROSECONDS_A_DAY, 400)
    together = calendar_part(times, part)
    assert together.tolist() == [calendar_part(times[row : row + 1], part).item() for row in range(400)]
    if part != "elapsed":
        asked = getattr(pl.Series(times).cast(pl.Datetime("us")).dt, part)()
        assert together.tolist() == asked.to_list()


def test_days_since_1970_have_fractions() -> None:
    moments = [datetime(1970, 1, 2, 12), datetime(1969, 12, 31, 18), datetime(2000, 1, 1)]
    assert calendar_part(times_of(moments), "elapsed").tolist() == [1.5, -0.25, 10_957]


@pytest.mark.parametrize("period", PERIODS.values())
def test_steps_lie_on_a_circle_that_closes(period: int) -> None:
    points = circle(period).astype(np.float64)
    assert points.shape == (period + 1, 2)
    assert (points**2).sum(axis=1) == pytest.approx(1)
    assert points[0] == pytest.approx(points[-1], abs=1e-6)
    assert len(np.unique(points[1:].round(6), axis=0)) == period
