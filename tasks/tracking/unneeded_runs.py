"""Which runs of MLflow nothing needs any more, and what registered versions came from.

A version is never among what goes: it may be champion or challenger, a rollback may go back to it, and its tags are the
account of looks at a champion.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tasks import files
from tasks.paths import Project
from tasks.tracking import store
from tasks.tracking.contents import local_folder
from tasks.tracking.names import has_store
from tasks.tracking.registry_overview import all_versions
from tasks.tracking.tags import COMMIT_TAG, MODEL_TAG, TUNING_TAG
from tasks.tracking.trainings import runs_where

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

_AT_WORK = ("RUNNING", "SCHEDULED")


@dataclass(frozen=True, kw_only=True)
class VersionOrigins:
    """What all registered versions came from: their runs, the digests of their models' folders, commits of git."""

    num_versions: int
    run_ids: frozenset[str]
    models: frozenset[str]
    commits: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class UnneededRun:
    """A run that may go; `folder` holds its files where the store is of this machine. `started`: seconds since 1970."""

    pipeline: str
    run_id: str
    name: str
    started: float
    folder: Path | None
    num_bytes: int


def version_origins(project: Project) -> VersionOrigins:
    """Of all models of the registry. Raises UserError when it does not answer."""
    run_ids, models, commits, num_versions = set(), set(), set(), 0
    if has_store(project):
        with store.reachable(project):
            client = store.connect(project)
            for model in client.search_registered_models(max_results=1000):
                for version in all_versions(client, model.name):
                    num_versions += 1
                    # The version's own tag is of all that answers, with a threshold; the run's is of the folder alone.
                    run_model = _model_of(client, version.run_id)
                    run_ids.add(str(version.run_id))
                    models |= {digest for digest in (run_model, version.tags.get(MODEL_TAG)) if digest}
                    commits |= {commit for commit in [version.tags.get(COMMIT_TAG, "none")] if commit != "none"}
    return VersionOrigins(
        num_versions=num_versions,
        run_ids=frozenset(run_ids),
        models=frozenset(models),
        commits=frozenset(commits),
    )


def unneeded_runs(
    project: Project, pipelines: Iterable[str], origins: VersionOrigins, before: float, keep: int
) -> list[UnneededRun]:
    """Runs of these pipelines that began before that time, and are no version's, not among the last `keep` of theirs,
    not of the model that lies here, not at work, and not of the last search of settings. Raises as `version_origins`.
    """
    if not has_store(project):
        return []
    unneeded: list[UnneededRun] = []
    with store.reachable(project):
        client = store.connect(project)
        for pipeline in pipelines:
            experiment = client.get_experiment_by_name(pipeline)
            if experiment is None:
                continue
            runs = runs_where(client, experiment.experiment_id, "")
            kept = {*origins.run_ids, *_kept(runs, keep, _model_here(project, pipeline), before)}
            unneeded += [_unneeded(pipeline, run) for run in runs if run.info.run_id not in kept]
    return unneeded


def remove_runs(project: Project, runs: Iterable[UnneededRun]) -> None:
    """Deletes them as MLflow does, and their files where they lie on this machine. Raises as `version_origins`."""
    with store.reachable(project):
        client = store.connect(project)
        for run in runs:
            client.delete_run(run.run_id)
            if run.folder is not None:
                with files.storage_errors(run.folder):
                    files.remove(run.folder)


def _kept(runs: list[Run], keep: int, model_here: str | None, before: float) -> Iterator[str]:
    """Ids of those that stay; the runs stand the newest first."""
    trainings = [run for run in runs if TUNING_TAG not in run.data.tags]
    yield from (run.info.run_id for run in trainings[:keep])
    searches = [run.data.tags[TUNING_TAG] for run in runs if TUNING_TAG in run.data.tags]
    # A search is one thing: while any of its trials is young or at work, all of them stay.
    lively = {run.data.tags.get(TUNING_TAG) for run in runs if _is_lively(run, before)} | set(searches[:1])
    for run in runs:
        search = run.data.tags.get(TUNING_TAG)
        is_here = model_here is not None and run.data.tags.get(MODEL_TAG) == model_here
        if is_here or _is_lively(run, before) or (search is not None and search in lively):
            yield run.info.run_id


def _is_lively(run: Run, before: float) -> bool:
    return run.info.status in _AT_WORK or run.info.start_time / 1000 >= before


def _model_here(project: Project, pipeline: str) -> str | None:
    """The digest of the model that lies in the pipeline's folders: the next run looks for its run by this."""
    record = project.pipeline(pipeline).run
    content = files.read_json(record) if record.exists() else {}
    return content.get("model")


def _model_of(client: MlflowClient, run_id: str | None) -> str | None:
    from mlflow.exceptions import MlflowException

    if not run_id:
        return None
    try:
        return client.get_run(run_id).data.tags.get(MODEL_TAG)
    except MlflowException as error:
        # A version that somebody registered without a run, or whose run was deleted for good.
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None


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
