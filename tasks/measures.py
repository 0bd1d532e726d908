"""What a gate can bound: a figure of a version, how sure it is, and which rows it is of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import floor
from typing import Any

USUAL_TAIL = 0.025
"""Beyond each end of a 95 % interval."""

TAIL_OF_WORST = 0.05
"""Of the worst of several, whose 95 % intervals hold together: all that is left may be beyond one end."""

Interval = tuple[float, float] | None
"""Where a figure lies with 95 % confidence on other rows; None where nobody knows."""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One figure of a version: a metric on all test rows, or what evaluate has measured beside the metrics.

    `low` and `high` hold it with 95 % confidence on other rows, None where no rows are drawn. `of` says which part of
    the test it is of where it is not all of it, such as "sex is Female". `tail` is the chance that the true value lies
    beyond one end: of the worst of several, whose intervals hold together, all that is left may be on one side. Of a
    count of what is sure, `p_values` are those of what was counted over, the least first, after all tests.
    """

    value: float
    low: float | None = None
    high: float | None = None
    num_rows: int | None = None
    of: str | None = None
    tail: float = USUAL_TAIL
    p_values: tuple[float, ...] | None = None

    def p_of_more_than(self, count: float) -> float:
        """How likely more than so many would be counted if there were no more of them: that one at least is none."""
        assert self.p_values is not None, "asked of counts alone"
        place = max(0, floor(count))
        return self.p_values[place] if place < len(self.p_values) else 1.0

    def as_dict(self) -> dict[str, Any]:
        """As it lies in measures.json: without what only some measures have."""
        content = asdict(self)
        usual = {"tail": USUAL_TAIL, "p_values": None}
        return {name: value for name, value in content.items() if name not in usual or value != usual[name]}


def measures_of_metrics(
    metrics: Mapping[str, float], intervals: Mapping[str, Interval], num_rows: int | None
) -> dict[str, Measure]:
    """The metrics of these test rows, each with its interval."""
    ends = {name: intervals.get(name) or (None, None) for name in metrics}
    return {
        name: Measure(value=value, low=ends[name][0], high=ends[name][1], num_rows=num_rows)
        for name, value in metrics.items()
    }
