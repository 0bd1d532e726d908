"""What disturbed rows cost, by strength, as a chart that a page draws itself: a line a kind, with its intervals."""

from __future__ import annotations

from dataclasses import dataclass

from tasks.evaluation.robustness import DisturbedScore, RobustnessReport
from tasks.wording import number

WIDTH, HEIGHT = 320.0, 150.0
_MARGIN = 40.0
"""Left of weak and right of strong, so that lines do not begin on the axis."""
_APART = 4.0
"""Between kinds at one strength, so that intervals do not cover each other."""


@dataclass(frozen=True, kw_only=True)
class KindLine:
    """One kind: `points` of its line as SVG has them, `spans` x, low and high of each interval, `dots` x and y."""

    title: str
    points: str
    spans: tuple[tuple[float, float, float], ...]
    dots: tuple[tuple[float, float], ...]


@dataclass(frozen=True, kw_only=True)
class RobustnessChart:
    """`zero` is how far down no loss lies; `ends` are the least and the most in words; `alt` says it all in words."""

    lines: tuple[KindLine, ...]
    strengths: tuple[tuple[float, str], ...]
    zero: float
    ends: tuple[str, str]
    alt: str


def robustness_chart(report: RobustnessReport) -> RobustnessChart | None:
    """From weak to strong; None where nothing was measured."""
    kinds = [kind for kind in report.kinds if any(one.loss is not None for one in kind)]
    if not kinds:
        return None
    ends = [0.0, *(end for kind in kinds for one in kind for end in (one.loss, one.low, one.high) if end is not None)]
    low, high = min(ends), max(ends)
    across = [_MARGIN + place * (WIDTH - 2 * _MARGIN) / 2 for place in range(3)]

    def down(value: float) -> float:
        return round(HEIGHT - HEIGHT * (value - low) / ((high - low) or 1.0), 1)

    def line(place: int, kind: tuple[DisturbedScore, ...]) -> KindLine:
        aside = _APART * (place - (len(kinds) - 1) / 2)
        there = [(round(x + aside, 1), one) for x, one in zip(across, kind, strict=True) if one.loss is not None]
        dots = tuple((x, down(one.loss)) for x, one in there if one.loss is not None)
        return KindLine(
            title=kind[0].title,
            points=" ".join(f"{x},{y}" for x, y in dots),
            spans=tuple(
                (x, down(one.low), down(one.high)) for x, one in there if one.low is not None and one.high is not None
            ),
            dots=dots,
        )

    return RobustnessChart(
        lines=tuple(line(place, kind) for place, kind in enumerate(kinds)),
        strengths=tuple(zip(across, ("weak", "middle", "strong"), strict=True)),
        zero=down(0.0),
        ends=(number(low), number(high)),
        alt="; ".join(f"{kind[0].title.lower()} up to {_largest(kind)}" for kind in kinds),
    )


def _largest(kind: tuple[DisturbedScore, ...]) -> str:
    return number(max(one.loss for one in kind if one.loss is not None))
