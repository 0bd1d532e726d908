"""A model that was measured on folds, and which of several is taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tasks.drafting.candidates import Candidate
from tasks.drafting.differences import difference
from tasks.params.config import Metric
from tasks.params.register import LOWER_IS_BETTER
from tasks.paths import Paths

if TYPE_CHECKING:
    from tasks.params.pipeline import Pipeline

_ROUNDING = 1e-9
"""Of a standard error: a gain in one fold of five equals it exactly, and the last digits must not decide."""


@dataclass(kw_only=True)
class Measurement:
    """A candidate, its score on each fold so far, and the seconds that one fold takes."""

    candidate: Candidate
    config: Pipeline
    folds: Sequence[Paths]
    scores: list[float] = field(default_factory=list)
    baseline: list[float] = field(default_factory=list)
    """Those of no model, on the same folds."""
    seconds: float = 0.0


def best_of(measurements: Sequence[Measurement], metric: Metric) -> Measurement:
    """The best of the simple models, and of equals the first; or an ensemble, unless a simple one is surely better.

    An ensemble is hardly ever worse than what it is made of, and five folds of few rows do not show how much better it
    is (docs/log.md). Where nothing is surely better than no model, its time would be for nothing.
    """
    simple = [one for one in measurements if not one.candidate.is_costly]
    best = max(simple, key=lambda one: _gain(one.scores, simple[0].scores, metric)[0]) if simple else measurements[0]
    for ensemble in (one for one in measurements if one.candidate.is_costly):
        # Equal in every fold, such as without a mistake, is the simple one's.
        is_as_good = ensemble.scores != best.scores and not _is_sure(*_gain(best.scores, ensemble.scores, metric))
        if is_as_good and is_better_than_no_model(ensemble, metric):
            best = ensemble
    return best


def why_taken(
    taken: Measurement, measurements: Sequence[Measurement], metric: Metric, *, leaves_out: bool = False
) -> str:
    """As a person may read it beside the table: what is taken need not be what came out best. `leaves_out`: others were
    measured that would train for too long."""
    if all(_gain(one.scores, taken.scores, metric)[0] <= 0 for one in measurements):
        return f"the best {metric} of what {'trains in these minutes' if leaves_out else 'was measured'}"
    if taken.candidate.is_costly:
        return f"no simpler model has a surely better {metric}"
    return f"the best {metric} of the simple models, and others are not surely better than no model"


def is_better_than_no_model(measurement: Measurement, metric: Metric) -> bool:
    """Whether by more than its standard error, where there is one."""
    return _is_sure(*_gain(measurement.scores, measurement.baseline, metric))


def _gain(scores: Sequence[float], others: Sequence[float], metric: Metric) -> tuple[float, float | None]:
    """By how much one is better than another on the same folds, and the standard error of that."""
    gain, error = difference(scores, others)
    return (-gain if metric in LOWER_IS_BETTER else gain), error


def _is_sure(gain: float, error: float | None) -> bool:
    return gain > (error or 0.0) * (1 + _ROUNDING)
