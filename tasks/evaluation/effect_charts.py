"""The effects of columns as charts that a page draws itself: lines for numbers, bars for categories, where rows lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tasks.explanation.effects import Effect
from tasks.trainers.introspection import Floats
from tasks.wording import number

WIDTH, HEIGHT = 320.0, 150.0
_ROOM = 26.0
"""Below the lines, for how many rows lie where."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One output as SVG paths; `accumulated` is drawn broken. `name` is the class, where there are several."""

    name: str
    partial: str
    accumulated: str


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A category: its mean answer in words, its bar's length in per cent, and its rows."""

    name: str
    value: str
    length: float
    num_rows: int


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A column's effect. `answer` says what is on the upright axis; a number has lines, a category bars."""

    column: str
    answer: str
    lines: tuple[Line, ...] = ()
    bars: tuple[Bar, ...] = ()
    density: tuple[tuple[float, float, float], ...] = ()
    """Left, width and height of each stretch."""
    ends: tuple[str, str, str, str] = ("", "", "", "")
    """Left, right, lowest and highest, in words."""


def chart(effect: Effect, names: Sequence[str], answer: str) -> Chart:
    """The chart of an effect; `names` are those of its outputs."""
    if effect.accumulated is None:
        return Chart(column=effect.column, answer=answer, bars=_bars(effect))
    values = np.array([float(value) for value in effect.values])
    both = np.stack([effect.partial, effect.accumulated])
    low, high = float(both.min()), float(both.max())
    x, y = _scaled(values, WIDTH), HEIGHT - _scaled(both, HEIGHT)
    return Chart(
        column=effect.column,
        answer=answer,
        lines=tuple(
            Line(name=name, partial=_path(x, y[0, :, place]), accumulated=_path(x, y[1, :, place]))
            for place, name in enumerate(names)
        ),
        density=_density(x, effect),
        ends=(number(values[0]), number(values[-1]), number(low), number(high)),
    )


def _bars(effect: Effect) -> tuple[Bar, ...]:
    means = effect.partial[:, 0]
    low, high = min(0.0, float(means.min())), max(0.0, float(means.max()))
    lengths = 100 * (means - low) / ((high - low) or 1.0)
    return tuple(
        Bar(name=str(name), value=number(float(mean)), length=round(float(length), 1), num_rows=int(num_rows))
        for name, mean, length, num_rows in zip(effect.values, means, lengths, effect.num_rows, strict=True)
    )


def _density(x: Floats, effect: Effect) -> tuple[tuple[float, float, float], ...]:
    """As high as rows are many for the stretch's width: equal areas are equal numbers of rows."""
    widths = np.diff(x)
    heights = effect.num_rows / np.maximum(widths, 1e-9)
    scaled = _ROOM * heights / (heights.max() or 1.0)
    return tuple(
        (round(float(left), 1), round(float(width), 1), round(float(height), 1))
        for left, width, height in zip(x, widths, scaled, strict=False)
    )


def _scaled(values: Floats, size: float) -> Floats:
    low, high = float(values.min()), float(values.max())
    return (values - low) / ((high - low) or 1.0) * size


def _path(x: Floats, y: Floats) -> str:
    return "M" + " L".join(f"{across:.1f} {down:.1f}" for across, down in zip(x, y, strict=True))
