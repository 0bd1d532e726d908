"""The trainings of a pipeline as MLflow has them: what is added to a run after it ended, and what is read back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from tasks import files
from tasks.errors import UserError
from tasks.paths import Paths, Project
from tasks.tracking import store
from tasks.tracking.registry import log_test_metrics
from tasks.tracking.runs import deliver, warn
from tasks.tracking.tags import MODEL_TAG, TEST_ROWS_TAG

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

_ANSWERS = "answers.parquet"

_WITH_A_MODEL = f"tags.`{MODEL_TAG}` != ''"

_AT_ONCE = 100
"""Parameters that MLflow takes in one call."""


@dataclass(frozen=True, kw_only=True)
class TrainingRun:
    """One run that ended with a model; `started` is in seconds since 1970."""

    experiment_id: str
    run_id: str
    name: str
    started: float
    model: str
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class TrackedVersion:
    """One registered version; `source` is where its files lie."""

    number: int
    run_id: str
    model: str | None
    source: str
    aliases: tuple[str, ...]


def trainings(project: Project, pipeline: str) -> list[TrainingRun]:
    """All runs of the pipeline that ended with a model, the newest first."""
    with store.reachable(project, store.COMMAND_AGAIN):
        client = store.connect(project)
        experiment = client.get_experiment_by_name(pipeline)
        runs = [] if experiment is None else runs_where(client, experiment.experiment_id, _WITH_A_MODEL)
        return [*map(_training, runs)]


def versions(project: Project, name: str) -> list[TrackedVersion]:
    """All versions of the registered model, with the aliases that they bear now."""
    with store.reachable(project, store.COMMAND_AGAIN):
        client = store.connect(project)
        models = [model for model in client.search_registered_models(max_results=1000) if model.name == name]
        aliases = models[0].aliases if models else {}
        return [
            TrackedVersion(
                number=int(version.version),
                run_id=str(version.run_id),
                model=version.tags.get(MODEL_TAG),
                source=str(version.source),
                aliases=tuple(
                    sorted(alias for alias, holder in aliases.items() if int(holder) == int(version.version))
                ),
            )
            for version in client.search_model_versions(f"name = '{name}'", max_results=1000)
        ]


def complete_training(
    paths: Paths, params: Mapping[str, str], tags: Mapping[str, str], name: Callable[[TrainingRun | None], str]
) -> None:
    """Adds parameters and tags to the run of the model that lies here, and names it by the run before it."""
    with _run_here(paths) as (client, run_id):
        if client is None:
            return
        run = client.get_run(run_id)
        _log_new_params(client, run, params, tags)
        # The newest two: one of them, at most, is this one. An experiment may have thousands.
        newest = client.search_runs([run.info.experiment_id], _WITH_A_MODEL, max_results=2)
        earlier = [training for training in newest if training.info.run_id != run_id]
        client.update_run(run_id, name=name(_training(earlier[0]) if earlier else None))


def add_evaluation(paths: Paths, metrics: Mapping[str, float], answers: pl.DataFrame, tags: Mapping[str, str]) -> None:
    """Adds what evaluate made out to the run of the model that lies here, with the answers to the test rows."""
    with _run_here(paths) as (client, run_id):
        if client is None:
            return
        log_test_metrics(client, run_id, metrics)
        with files.scratch(paths.checkpoints) as scratch:
            answers.write_parquet(scratch / _ANSWERS)
            client.log_artifact(run_id, str(scratch / _ANSWERS))
        # Last: a run that says which rows it was judged on has the answers to them.
        for tag, value in tags.items():
            client.set_tag(run_id, tag, value)


def has_evaluation(paths: Paths) -> bool:
    """Whether `add_evaluation` has told the run of the model that lies here all that there is; true without a store."""
    with _run_here(paths) as (client, run_id):
        return client is None or TEST_ROWS_TAG in client.get_run(run_id).data.tags
    return True


def answers_of(project: Project, training: TrainingRun) -> pl.DataFrame | None:
    """What the model of the run answered to the test rows; None where that was not kept."""
    from mlflow.exceptions import MlflowException

    place = project.pipeline(".answers").checkpoints
    with store.reachable(project), files.scratch(place) as scratch:
        client = store.connect(project)
        if not any(entry.path == _ANSWERS for entry in client.list_artifacts(training.run_id)):
            return None
        try:
            return pl.read_parquet(Path(client.download_artifacts(training.run_id, _ANSWERS, str(scratch))))
        except (MlflowException, OSError, pl.exceptions.ComputeError):
            return None


@contextmanager
def _run_here(paths: Paths) -> Iterator[tuple[MlflowClient | None, str]]:
    """The run of the model that lies in the pipeline's folders; no client, after a warning, without a store."""
    unusable: tuple[type[Exception], ...] = (UserError, *store.failures())
    try:
        run_id = deliver(paths)
        client = store.connect(paths.project)
    except unusable as error:
        warn(store.shown_uri(paths.project), error)
        yield None, ""
        return
    try:
        yield client, run_id
    except unusable as error:
        warn(store.shown_uri(paths.project), error)


def _log_new_params(client: MlflowClient, run: Run, params: Mapping[str, str], tags: Mapping[str, str]) -> None:
    from mlflow.entities import Param, RunTag

    # What is logged cannot be changed, and would be refused.
    new = [Param(name, text[:6000]) for name, text in sorted(params.items()) if name not in run.data.params]
    for start in range(_AT_ONCE, len(new), _AT_ONCE):
        client.log_batch(run.info.run_id, params=new[start : start + _AT_ONCE])
    client.log_batch(run.info.run_id, params=new[:_AT_ONCE], tags=[RunTag(tag, value) for tag, value in tags.items()])


def runs_where(client: MlflowClient, experiment_id: str, condition: str) -> list[Run]:
    """All runs of the experiment that meet it, the newest first."""
    runs: list[Run] = []
    token = None
    while True:
        page = client.search_runs([experiment_id], condition, max_results=1000, page_token=token)
        runs += page
        token = page.token
        if not token:
            return runs


def _training(run: Run) -> TrainingRun:
    tags = run.data.tags
    return TrainingRun(
        experiment_id=run.info.experiment_id,
        run_id=run.info.run_id,
        name=run.info.run_name,
        started=run.info.start_time / 1000,
        model=tags[MODEL_TAG],
        params=run.data.params,
        metrics=run.data.metrics,
        tags=tags,
    )
