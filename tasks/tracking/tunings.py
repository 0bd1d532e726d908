"""A search's trials in MLflow: a run for the search, and a nested one for each trial that ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tasks.errors import UserError
from tasks.paths import Project
from tasks.tracking import leftovers, store
from tasks.tracking.runs import warn
from tasks.tracking.tags import PIPELINE_TAG, TRIAL_TAG, TUNING_TAG
from tasks.tracking.trainings import runs_where

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

_NESTED_TAG = "mlflow.parentRunId"
_STATE_TAG = f"{TRIAL_TAG}.state"
_NAME = "tuning"
_SCORE = "cross_validated_"
"""Before a metric's name: the mean over the folds, and as `..._fold` that of each."""


@dataclass(frozen=True, kw_only=True)
class TrialRecord:
    """One trial as MLflow is told of it; `started` and `ended` are in seconds since 1970."""

    number: int
    state: str
    params: Mapping[str, str]
    scores: Sequence[float]
    mean: float | None
    started: float
    ended: float


@dataclass(frozen=True, kw_only=True)
class TrackedTrial:
    """One trial as MLflow has it; `value` is its mean over all folds, None where it did not finish."""

    run_id: str
    number: int
    name: str
    state: str
    started: float
    value: float | None

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


class TuningLog:
    """Tells MLflow of a search; turns itself off, with one warning, at the first call that fails.

    What could not be told is told by the next search of the same trials: MLflow is asked which it has.
    """

    def __init__(self, project: Project, pipeline: str, search_id: str, metric: str) -> None:
        self._project = project
        self._pipeline = pipeline
        self._search_id = search_id
        self._metric = metric
        self._client: MlflowClient | None = None
        self._experiment_id = ""
        self._parent = ""
        self._known: set[int] = set()
        self._try(self._open)

    def tell(self, trials: Sequence[TrialRecord]) -> None:
        """Makes a run for each trial that has none yet."""
        for trial in trials:
            if self._client is not None and trial.number not in self._known:
                self._try(self._log, trial)

    def finish(self, metrics: Mapping[str, float], params: Mapping[str, str]) -> None:
        """Ends the search's run, with what came of it."""
        if self._client is not None:
            self._try(self._end, "FINISHED", metrics, params)

    def cut_off(self) -> None:
        """Ends the search's run as one that was stopped; the next search goes on with it."""
        if self._client is not None:
            self._try(self._end, "KILLED", {}, {})

    def _try(self, work: Callable[..., None], *arguments: Any) -> None:
        unusable: tuple[type[Exception], ...] = (UserError, *store.failures())
        try:
            work(*arguments)
        except unusable as error:
            warn(store.shown_uri(self._project), error)
            self._client = None

    def _open(self) -> None:
        client = store.connect(self._project)
        self._experiment_id = store.experiment(client, self._project, self._pipeline)
        leftovers.sweep(client, self._experiment_id, self._project.pipeline(self._pipeline))
        runs = runs_where(client, self._experiment_id, f"tags.`{TUNING_TAG}` = '{self._search_id}'")
        self._known = {int(run.data.tags[TRIAL_TAG]) for run in runs if TRIAL_TAG in run.data.tags}
        parents = [run.info.run_id for run in runs if TRIAL_TAG not in run.data.tags]
        if parents:
            self._parent = parents[0]
            for tag, text in leftovers.owner().items():
                client.set_tag(self._parent, tag, text)
            client.update_run(self._parent, status="RUNNING")
        else:
            tags = {**self._tags(), **leftovers.owner()}
            self._parent = str(client.create_run(self._experiment_id, tags=tags, run_name=_NAME).info.run_id)
        leftovers.begin(self._parent)
        self._client = client

    def _tags(self) -> dict[str, str]:
        return {
            PIPELINE_TAG: self._pipeline,
            TUNING_TAG: self._search_id,
            "mlflow.source.name": f"modelwright tune {self._pipeline}",
            "mlflow.source.type": "JOB",
        }

    def _log(self, trial: TrialRecord) -> None:
        from mlflow.entities import Metric, Param

        assert self._client is not None
        own = {TRIAL_TAG: str(trial.number), _STATE_TAG: trial.state, _NESTED_TAG: self._parent}
        began, ended = int(1000 * trial.started), int(1000 * trial.ended)
        run_id = self._client.create_run(
            self._experiment_id, start_time=began, tags={**self._tags(), **own}, run_name=f"trial {trial.number}"
        ).info.run_id
        name = f"{_SCORE}{self._metric}"
        metrics = [Metric(f"{name}_fold", score, ended, step) for step, score in enumerate(trial.scores)]
        metrics += [] if trial.mean is None else [Metric(name, trial.mean, ended, 0)]
        params = [Param(name, text) for name, text in trial.params.items()]
        self._client.log_batch(run_id, metrics=metrics, params=params)
        status = "FAILED" if trial.state == "refused" else "FINISHED"
        self._client.set_terminated(run_id, status, end_time=ended)
        self._known.add(trial.number)

    def _end(self, status: str, metrics: Mapping[str, float], params: Mapping[str, str]) -> None:
        assert self._client is not None
        for name, value in metrics.items():
            self._client.log_metric(self._parent, name, value)
        # A parameter of a run cannot be changed, and the next search of more trials may find another best.
        for name, text in params.items():
            self._client.set_tag(self._parent, f"{TUNING_TAG}.{name}", text)
        self._client.set_terminated(self._parent, status)
        leftovers.end(self._parent)


def tracked_trials(project: Project, pipeline: str, metric: str) -> list[TrackedTrial]:
    """All trials that MLflow knows of the pipeline's searches, the newest first. Raises UserError without a store."""
    with store.reachable(project):
        client = store.connect(project)
        experiment = client.get_experiment_by_name(pipeline)
        if experiment is None:
            return []
        runs = runs_where(client, experiment.experiment_id, f"tags.`{TRIAL_TAG}` != ''")
        return [_tracked(run, f"{_SCORE}{metric}") for run in runs]


def _tracked(run: Run, metric: str) -> TrackedTrial:
    tags = run.data.tags
    return TrackedTrial(
        run_id=run.info.run_id,
        number=int(tags[TRIAL_TAG]),
        name=", ".join(f"{name} {text}" for name, text in sorted(run.data.params.items())),
        state=tags.get(_STATE_TAG, ""),
        started=run.info.start_time / 1000,
        value=run.data.metrics.get(metric),
    )
