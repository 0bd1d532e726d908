"""All that was tried, the best first: those that were judged on the same test rows have a rank, and no others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from tasks.params.config import Metric
from tasks.params.pipeline import Pipeline
from tasks.params.register import LOWER_IS_BETTER
from tasks.promotion.contest import NotComparableError
from tasks.tracking.tunings import TrackedTrial
from tasks.trials.pairs import Score, on_common_rows, score
from tasks.trials.trial import Trial

Answers = Callable[[Trial], pl.DataFrame | None]
"""What a trial answered to its test rows; None where that was not kept."""


@dataclass(frozen=True, kw_only=True)
class RankedTrial:
    """One trial on the board. `rank` is None where it was judged on other test rows than the newest one.

    `low` and `high` hold the metric with 95 % confidence; `against_best` says whether its distance to the best is sure.
    """

    trial: Trial
    rank: int | None
    value: float | None
    low: float | None
    high: float | None
    num_rows: int | None
    against_best: str

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "rank": self.rank,
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "num_rows": self.num_rows,
            "against_best": self.against_best,
            **self.trial.as_dict(),
        }


def board(trials: Sequence[Trial], pipeline: Pipeline, answers: Answers) -> list[RankedTrial]:
    """The trials, given the newest first, as places: by rank, then those without one, the newest first."""
    metric = pipeline.register_.metric
    reference = next((trial.test_rows for trial in trials if trial.test_rows), None)
    kept = {trial.training.run_id: answers(trial) for trial in trials}
    ranked: list[tuple[Trial, Score, pl.DataFrame]] = []
    others: list[RankedTrial] = []
    for trial in trials:
        table = kept[trial.training.run_id]
        if table is None or trial.test_rows != reference:
            others.append(_unranked(trial, metric, table, pipeline))
        else:
            ranked.append((trial, score(metric, table, pipeline.evaluate), table))
    better = 1 if metric in LOWER_IS_BETTER else -1
    ranked.sort(key=lambda entry: better * entry[1].value)
    return [*(_ranked(number, ranked, pipeline) for number in range(len(ranked))), *others]


def tuned_first(tuned: Sequence[TrackedTrial], metric: Metric) -> list[TrackedTrial]:
    """Trials of searches, the best first; behind them those without a value, the newest first."""
    sign = 1 if metric in LOWER_IS_BETTER else -1
    return sorted(tuned, key=lambda trial: (trial.value is None, sign * (trial.value or 0.0)))


def _ranked(number: int, ranked: list[tuple[Trial, Score, pl.DataFrame]], pipeline: Pipeline) -> RankedTrial:
    trial, own, table = ranked[number]
    interval = own.interval
    return RankedTrial(
        trial=trial,
        rank=number + 1,
        value=own.value,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        num_rows=own.num_rows,
        against_best="the best" if number == 0 else _against(ranked[0][2], table, pipeline),
    )


def _against(best: pl.DataFrame, other: pl.DataFrame, pipeline: Pipeline) -> str:
    try:
        comparison = on_common_rows(pipeline.register_.metric, best, other, pipeline.evaluate)
    except NotComparableError as error:
        return f"not compared: {error}"
    return "surely worse" if comparison.high < 0 else "no sure difference"


def _unranked(trial: Trial, metric: Metric, table: pl.DataFrame | None, pipeline: Pipeline) -> RankedTrial:
    """A trial whose figure is of other rows: it is shown, and says nothing against the others."""
    return RankedTrial(
        trial=trial,
        rank=None,
        value=trial.training.metrics.get(f"test_{metric}"),
        low=None,
        high=None,
        num_rows=None if table is None else table.height,
        against_best="answers not kept" if table is None else "other test rows",
    )
