"""The last runs of a pipeline, as MLflow has them: those that failed, and those that are at work, too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tasks.paths import Project
from tasks.tracking import store
from tasks.tracking.names import has_store
from tasks.tracking.registry_overview import all_versions
from tasks.tracking.tags import TRIAL_TAG, TUNING_TAG

if TYPE_CHECKING:
    from mlflow.entities import Run

_STATES = {"FINISHED": "done", "FAILED": "failed", "KILLED": "killed", "RUNNING": "at work", "SCHEDULED": "waits"}
"""MLflow's words for how a run stands, and ours."""


@dataclass(frozen=True, kw_only=True)
class RecentRun:
    """One run: a training, or a search of settings.

    `name` says what differs from the run before, which is why it ran; `started` is in seconds since 1970, `seconds` how
    long the training or the search took, without the stages around it, None while it is at work; `value` is the
    pipeline's metric on test rows, None where none was measured.
    """

    pipeline: str
    experiment_id: str
    run_id: str
    name: str
    state: str
    started: float
    seconds: float | None
    metric: str
    value: float | None
    versions: tuple[int, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


def recent_runs(project: Project, metrics: Mapping[str, str], count: int) -> list[RecentRun]:
    """The last `count` runs of all these pipelines together, the newest first; `metrics` has each one's by its name.

    The trials of a search are not among them. Raises UserError when the store does not answer.
    """
    if not has_store(project):
        return []
    runs: list[RecentRun] = []
    with store.reachable(project, store.COMMAND_AGAIN):
        client = store.connect(project)
        for pipeline, metric in metrics.items():
            experiment = client.get_experiment_by_name(pipeline)
            if experiment is None:
                continue
            versions = [(str(one.run_id), int(one.version)) for one in all_versions(client, pipeline)]
            token: str | None = None
            taken = 0
            while taken < count and token != "":
                page = client.search_runs([experiment.experiment_id], max_results=1000, page_token=token)
                own = [run for run in page if TRIAL_TAG not in run.data.tags][: count - taken]
                runs += [_recent(pipeline, metric, run, versions) for run in own]
                taken, token = taken + len(own), page.token or ""
    return sorted(runs, key=lambda run: -run.started)[:count]


def _recent(pipeline: str, metric: str, run: Run, versions: list[tuple[str, int]]) -> RecentRun:
    info = run.info
    name = f"search: {info.run_name}" if TUNING_TAG in run.data.tags else info.run_name
    return RecentRun(
        pipeline=pipeline,
        experiment_id=info.experiment_id,
        run_id=info.run_id,
        name=name,
        state=_STATES.get(info.status, info.status.lower()),
        started=info.start_time / 1000,
        seconds=None if info.end_time is None else (info.end_time - info.start_time) / 1000,
        metric=metric,
        value=run.data.metrics.get(f"test_{metric}"),
        versions=tuple(number for run_id, number in versions if run_id == info.run_id),
    )
