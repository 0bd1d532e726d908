"""A search as MLflow is told of it: each trial when it has ended, and the best at the end."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from tasks.params.config import Metric
from tasks.params.search_space import Space
from tasks.paths import Paths
from tasks.tracking.tunings import TrialRecord, TuningLog
from tasks.tuning.journal import SEARCH_ID
from tasks.tuning.outcome import TuningOutcome
from tasks.tuning.trials import TunedTrial, ended_trials

if TYPE_CHECKING:
    from optuna.study import Study


@dataclass(frozen=True, kw_only=True)
class TrackedSearch:
    """A search and its log."""

    log: TuningLog
    study: Study
    space: Space

    def tell(self) -> None:
        """Tells of the trials that have ended since."""
        self.log.tell([_record(trial) for trial in ended_trials(self.study, self.space)])

    def finish(self, outcome: TuningOutcome) -> None:
        """Tells what came of the search."""
        self.tell()
        figures = {"as_it_is": fmean(outcome.as_it_is), "chosen_fairly": outcome.nested, "optimism": outcome.optimism}
        best = outcome.best
        figures |= {} if best is None else {"best": best.mean}
        self.log.finish(
            {f"{outcome.metric}_{name}": value for name, value in figures.items() if value is not None},
            {} if best is None else {"best": f"trial {best.number}"},
        )


@contextmanager
def tracked_search(paths: Paths, study: Study, metric: Metric, space: Space) -> Iterator[TrackedSearch]:
    """The search's run in MLflow; a store that cannot be used costs a warning, and no trial."""
    log = TuningLog(paths.project, paths.pipeline, study.user_attrs[SEARCH_ID], metric)
    search = TrackedSearch(log=log, study=study, space=space)
    # What an earlier search could not tell.
    search.tell()
    try:
        yield search
    finally:
        if sys.exception() is not None:
            log.cut_off()


def _record(trial: TunedTrial) -> TrialRecord:
    return TrialRecord(
        number=trial.number,
        state=trial.state,
        params={name: str(value) for name, value in trial.values.items()},
        scores=trial.scores,
        mean=trial.mean if trial.state == "finished" else None,
        started=trial.started,
        ended=trial.started + trial.seconds,
    )
