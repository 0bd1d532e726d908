"""The axes of a chart that a page draws itself: a few round values, and a few days, each with its place."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil, floor, log10

_MOST_STEPS = 5
"""Between marks of an axis: more of them are not read."""
_ROUND = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, kw_only=True)
class Tick:
    """A mark of an axis: its place in the chart's units, and what stands there."""

    place: float
    text: str


@dataclass(frozen=True)
class DayScale:
    """From the first day at 0 to the last one at `width`."""

    first: date
    last: date
    width: float

    def across(self, day: date) -> float:
        """Where the day lies."""
        return round(self.width * (day - self.first).days / ((self.last - self.first).days or 1), 1)

    def ticks(self) -> tuple[Tick, ...]:
        """The first day, the last one, and some at whole days between them, as evenly as these allow."""
        days = (self.last - self.first).days
        steps = next((steps for steps in range(_MOST_STEPS, 1, -1) if days % steps == 0), min(days, _MOST_STEPS - 1))
        marked = [self.first + timedelta(days=round(days * step / steps)) for step in range(steps + 1)] if days else []
        return tuple(Tick(place=self.across(day), text=f"{day}") for day in marked or [self.first])


@dataclass(frozen=True)
class ValueScale:
    """From the least value at `height`, the bottom, to the most at 0; both are round, and `step` lies between marks."""

    least: float
    most: float
    step: float
    height: float

    def down(self, value: float) -> float:
        """How far down the value lies."""
        return round(self.height * (self.most - value) / (self.most - self.least), 1)

    def ticks(self) -> tuple[Tick, ...]:
        """Round values from the bottom to the top, all with the decimals that the step needs."""
        decimals = next(count for count in range(18) if count == 17 or _is_whole(self.step * 10**count))
        values = [self.least + self.step * number for number in range(round((self.most - self.least) / self.step) + 1)]
        return tuple(Tick(place=self.down(value), text=f"{value:,.{decimals}f}") for value in values)


def value_scale(least: float, most: float, height: float) -> ValueScale:
    """The scale between round values that holds both, in at most five steps."""
    size = max(abs(least), abs(most))
    # A single value, or what only its last digits tell from one, lies in the middle.
    spread = most - least if most - least > _ALMOST * size else size
    # Powers of ten end before the least numbers do.
    spread = spread if spread > _NOTHING else 1.0
    power = 10.0 ** floor(log10(spread / _MOST_STEPS))
    for times in (*_ROUND, 20.0):
        step = times * power
        bottom, top = floor(least / step + _ALMOST) * step, ceil(most / step - _ALMOST) * step
        if bottom == top:
            bottom, top = bottom - step, top + step
        if (top - bottom) / step <= _MOST_STEPS + _ALMOST:
            break
    return ValueScale(bottom, top, step, height)


_ALMOST = 1e-6
"""Of a step, or of a value: so far off may a round value be by its binary digits."""


_NOTHING = 1e-200
"""What is smaller is none of a metric's values."""


def _is_whole(value: float) -> bool:
    return abs(value - round(value)) < _ALMOST * max(1.0, abs(value))
