"""Which runs of MLflow nothing needs any more, and how they go."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tasks import files
from tasks.paths import Project
from tasks.tracking import store
from tasks.tracking.contents import local_folder
from tasks.tracking.names import has_store
from tasks.tracking.tags import MODEL_TAG, TUNING_TAG
from tasks.tracking.trainings import runs_where

if TYPE_CHECKING:
    from mlflow.entities import Run

_AT_WORK = ("RUNNING", "SCHEDULED")


@dataclass(frozen=True, kw_only=True)
class RunPolicy:
    """Runs that began before this time, in seconds since 1970, may go, but for the `last` newest; None: none may."""

    before: float | None
    last: int


@dataclass(frozen=True, kw_only=True)
class UnneededRun:
    """A run that may go; `folder` holds its files where the store is of this machine. `started`: seconds since 1970."""

    pipeline: str
    run_id: str
    name: str
    started: float
    folder: Path | None
    num_bytes: int


def unneeded_runs(
    project: Project, policies: Mapping[str, RunPolicy], needed: Collection[str]
) -> tuple[list[UnneededRun], int]:
    """Runs of these pipelines that may go: not those of the `needed` ids, not of the model that lies here, not at work,
    and not of the last search of settings. And how many runs there are. Raises UserError when the store is down.
    """
    if not has_store(project):
        return [], 0
    num_runs = 0
    unneeded: list[UnneededRun] = []
    with store.reachable(project, store.COMMAND_AGAIN):
        client = store.connect(project)
        for pipeline, policy in policies.items():
            experiment = client.get_experiment_by_name(pipeline)
            if experiment is None:
                continue
            runs = runs_where(client, experiment.experiment_id, "")
            num_runs += len(runs)
            kept = {*needed, *_kept(runs, policy, _model_here(project, pipeline))}
            unneeded += [_unneeded(pipeline, run) for run in runs if run.info.run_id not in kept]
    return unneeded, num_runs


def remove_runs(project: Project, runs: Iterable[UnneededRun]) -> None:
    """Deletes their files where they lie on this machine, and then the runs as MLflow does: what is cut off in between
    is found again. Raises as `unneeded_runs`."""
    with store.reachable(project, store.COMMAND_AGAIN):
        client = store.connect(project)
        for run in runs:
            if run.folder is not None:
                with files.storage_errors(run.folder):
                    files.remove(run.folder)
            client.delete_run(run.run_id)


def _kept(runs: list[Run], policy: RunPolicy, model_here: str | None) -> Iterator[str]:
    """Ids of those that stay; the runs stand the newest first."""
    trainings = [run for run in runs if TUNING_TAG not in run.data.tags]
    yield from (run.info.run_id for run in trainings[: policy.last])
    searches = [run.data.tags[TUNING_TAG] for run in runs if TUNING_TAG in run.data.tags]
    # A search is one thing: while any of its trials is young or at work, all of them stay.
    lively = {run.data.tags.get(TUNING_TAG) for run in runs if _is_lively(run, policy.before)} | set(searches[:1])
    for run in runs:
        search = run.data.tags.get(TUNING_TAG)
        is_here = model_here is not None and run.data.tags.get(MODEL_TAG) == model_here
        if is_here or _is_lively(run, policy.before) or (search is not None and search in lively):
            yield run.info.run_id


def _is_lively(run: Run, before: float | None) -> bool:
    return before is None or run.info.status in _AT_WORK or run.info.start_time / 1000 >= before


def _model_here(project: Project, pipeline: str) -> str | None:
    """The digest of the model that lies in the pipeline's folders: the next run looks for its run by this."""
    record = project.pipeline(pipeline).run
    content = files.read_json(record) if record.exists() else {}
    return content.get("model")


def _unneeded(pipeline: str, run: Run) -> UnneededRun:
    artifacts = local_folder(run.info.artifact_uri)
    # MLflow keeps a run's files in a folder of the run's name; what lies elsewhere is not known to be its own.
    folder = artifacts.parent if artifacts is not None and artifacts.parent.name == run.info.run_id else None
    num_bytes = sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file()) if folder else 0
    return UnneededRun(
        pipeline=pipeline,
        run_id=run.info.run_id,
        name=run.info.run_name,
        started=run.info.start_time / 1000,
        folder=folder,
        num_bytes=num_bytes,
    )
