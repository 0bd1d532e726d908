"""What killed processes left half done in the store: runs are ended, and models swept, by the next one."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tasks import files
from tasks.environment import is_alive
from tasks.paths import Paths
from tasks.tracking import store
from tasks.tracking.contents import local_folder
from tasks.tracking.database import opened
from tasks.tracking.tags import MODEL_TAG, PIPELINE_TAG, PROCESS_TAG

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel

_PENDING = 1
"""A logged model's status in the store's database, before it is ready."""

_at_work: set[str] = set()
"""The runs and models that this process is at work on, in any of its threads."""


def owner() -> dict[str, str]:
    """The tag by which what a process began is known for its own: the machine, its number there, and the time."""
    return {PROCESS_TAG: f"{socket.gethostname()}:{os.getpid()}:{time.time():.0f}"}


def begin(identifier: str) -> None:
    """Keeps a run or a model of this process from being swept, until `end`."""
    _at_work.add(identifier)


def end(identifier: str) -> None:
    """The run or model is done, or given up."""
    _at_work.discard(identifier)


@contextmanager
def at_work_on(identifier: str) -> Iterator[None]:
    """Between `begin` and `end`."""
    begin(identifier)
    try:
        yield
    finally:
        end(identifier)


def sweep(client: MlflowClient, experiment_id: str, paths: Paths) -> None:
    """Ends runs of this host whose process is gone, as killed, and removes models that such a process half logged.

    Nobody else will: MLflow shows them as running, and as pending, for good.
    """
    if _is_swept(paths):
        return
    running = f"tags.`{PIPELINE_TAG}` = '{paths.pipeline}' and attributes.status = 'RUNNING'"
    for run in client.search_runs([experiment_id], running):
        if _is_cut_off(run.info.run_id, run.data.tags):
            # The model's digest is the last that is logged: a run that has it lacks its end alone.
            client.set_terminated(run.info.run_id, "FINISHED" if MODEL_TAG in run.data.tags else "KILLED")
    # The newest come first, and one page of them: a store does not find them by their status.
    for model in client.search_logged_models([experiment_id]):
        if model.status == "PENDING" and _is_cut_off(model.model_id, model.tags):
            _remove(client, model)


def sweep_store(paths: Paths) -> None:
    """As `sweep`, for a run that neither trains nor registers: a model that is restored leaves the killed run open.

    Raises UserError when the store cannot be used.
    """
    if _is_swept(paths):
        return
    with store.reachable(paths.project):
        client = store.connect(paths.project)
        sweep(client, store.experiment(client, paths.project, paths.pipeline), paths)


def _is_swept(paths: Paths) -> bool:
    """Whether a local store says so without MLflow, whose questions take longer, and its import longer still."""
    if not store.is_local(paths.project):
        return False
    database = store.local_database(paths.project)
    return database is None or not _has_leftovers(database, paths.pipeline)


def _has_leftovers(database: Path, pipeline: str) -> bool:
    query = (
        "SELECT run.run_uuid, tag.value FROM runs AS run JOIN experiments USING (experiment_id) "
        "JOIN tags AS tag ON tag.run_uuid = run.run_uuid AND tag.key = ? "
        "WHERE experiments.name = ? AND run.status = 'RUNNING' "
        "UNION SELECT model.model_id, tag.tag_value FROM logged_models AS model JOIN experiments USING (experiment_id) "
        "JOIN logged_model_tags AS tag ON tag.model_id = model.model_id AND tag.tag_key = ? "
        "WHERE experiments.name = ? AND model.status = ?"
    )
    with opened(database) as connection:
        owners = connection.execute(query, (PROCESS_TAG, pipeline, PROCESS_TAG, pipeline, _PENDING)).fetchall()
    return any(_is_cut_off(identifier, {PROCESS_TAG: process}) for identifier, process in owners)


def _remove(client: MlflowClient, model: LoggedModel) -> None:
    client.delete_logged_model(model.model_id)
    folder = local_folder(model.artifact_location)
    # MLflow keeps a model's files in a folder of the model's name; what lies elsewhere is not known to be its own.
    if folder is not None and folder.parent.name == model.model_id:
        files.remove(folder.parent)


def _is_cut_off(identifier: str, tags: Mapping[str, str]) -> bool:
    host, _, process = tags.get(PROCESS_TAG, "").partition(":")
    number, _, noted = process.partition(":")
    # The number of another machine's process says nothing here.
    if host != socket.gethostname() or not noted:
        return False
    return identifier not in _at_work if int(number) == os.getpid() else not is_alive(int(number), float(noted))
