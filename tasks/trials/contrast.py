"""A baseline and others side by side: metric, difference, interval, and what differs in parameters, data and code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from tasks.params.pipeline import Pipeline
from tasks.params.register import LOWER_IS_BETTER
from tasks.paths import Paths
from tasks.promotion.contest import Comparison, NotComparableError
from tasks.tracking.trainings import answers_of
from tasks.trials.pairs import on_common_rows
from tasks.trials.parameters import changes
from tasks.trials.today import answers_today, can_be_asked
from tasks.trials.trial import Trial

_SHOWN = 12
"""Characters of a digest that people compare."""


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """One trial against the baseline. `comparison` has the baseline as its champion; without one `reason` says why.

    `differences` has what differs by parameters, data and code: sentences, none where they are the same.
    """

    trial: Trial
    comparison: Comparison | None
    reason: str
    scored_today: bool
    differences: dict[str, list[str]]

    def gain(self, metric: str) -> float | None:
        """How much better the trial is: above 0 it is, whatever the metric."""
        if self.comparison is None:
            return None
        difference = self.comparison.challenger - self.comparison.champion
        return -difference if metric in LOWER_IS_BETTER else difference

    @property
    def outcome(self) -> str:
        """What may be said of the difference."""
        if self.comparison is None:
            return f"not compared: {self.reason}"
        if self.comparison.low > 0:
            return "surely better"
        return "surely worse" if self.comparison.high < 0 else "no sure difference"

    def as_dict(self, metric: str) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        comparison = self.comparison
        return {
            **self.trial.as_dict(),
            "value": comparison and comparison.challenger,
            "baseline": comparison and comparison.champion,
            "low": comparison and comparison.low,
            "high": comparison and comparison.high,
            "num_rows": comparison and comparison.num_rows,
            "notes": list(comparison.notes) if comparison else [],
            "gain": self.gain(metric),
            "outcome": self.outcome,
            "scored_today": self.scored_today,
            "differences": self.differences,
        }


class Contrasting:
    """Compares trials of one pipeline with a baseline; what each answered is read, or asked, once."""

    def __init__(self, paths: Paths, pipeline: Pipeline, baseline: Trial) -> None:
        self._paths = paths
        self._pipeline = pipeline
        self._baseline = baseline
        self._kept: dict[str, pl.DataFrame | None] = {}
        self._today: dict[int, tuple[pl.DataFrame, tuple[str, ...]]] = {}

    def with_each(self, trials: Sequence[Trial]) -> list[Contrast]:
        """The contrast of each trial with the baseline, in their order."""
        return [self._with(trial) for trial in trials]

    def _with(self, trial: Trial) -> Contrast:
        comparison, reason, today = None, "", self._is_for_today(trial)
        try:
            comparison = self._scored_today(trial) if today else self._as_kept(trial)
        except NotComparableError as error:
            reason = str(error)
        return Contrast(
            trial=trial,
            comparison=comparison,
            reason=reason,
            scored_today=today and comparison is not None,
            differences=differences(self._baseline, trial),
        )

    def _is_for_today(self, trial: Trial) -> bool:
        """Whether both are to answer today's test rows: those that they were judged on are not the same."""
        same = trial.test_rows is not None and trial.test_rows == self._baseline.test_rows
        have_versions = trial.version is not None and self._baseline.version is not None
        return not same and have_versions and can_be_asked(self._paths)

    def _as_kept(self, trial: Trial) -> Comparison:
        baseline, other = self._answers(self._baseline), self._answers(trial)
        return on_common_rows(self._pipeline.register_.metric, baseline, other, self._pipeline.evaluate)

    def _answers(self, trial: Trial) -> pl.DataFrame:
        run_id = trial.training.run_id
        if run_id not in self._kept:
            self._kept[run_id] = answers_of(self._paths.project, trial.training)
        answers = self._kept[run_id]
        if answers is None:
            raise NotComparableError(f"what {trial.label} answered to the test rows was not kept")
        return answers

    def _scored_today(self, trial: Trial) -> Comparison:
        metric, config = self._pipeline.register_.metric, self._pipeline.evaluate
        (baseline, of_baseline), (other, of_other) = self._asked(self._baseline), self._asked(trial)
        comparison = on_common_rows(metric, baseline, other, config)
        notes = (*comparison.notes, *of_baseline, *of_other)
        return comparison.model_copy(update={"notes": tuple(dict.fromkeys(notes))})

    def _asked(self, trial: Trial) -> tuple[pl.DataFrame, tuple[str, ...]]:
        assert trial.version is not None
        number = trial.version.number
        if number not in self._today:
            try:
                answers, notes = answers_today(self._paths, self._pipeline, number)
            except NotComparableError as error:
                raise NotComparableError(f"{trial.label}: {error}") from error
            self._today[number] = answers, tuple(note.replace("the champion", trial.label, 1) for note in notes)
        return self._today[number]


def differences(baseline: Trial, other: Trial) -> dict[str, list[str]]:
    """What differs between two trials, as sentences for people."""
    return {
        "parameters": changes(baseline.training.params, other.training.params),
        "data": _digests(baseline.data, other.data),
        "code": _digests(baseline.code, other.code),
    }


def _digests(before: str | None, after: str | None) -> list[str]:
    if before == after and before is not None:
        return []
    if before is None and after is None:
        return ["not known"]
    return [f"{(before or 'not known')[:_SHOWN]} -> {(after or 'not known')[:_SHOWN]}"]
