"""What killed processes left half done in the store: runs are ended, and models swept, by the next one."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tasks import files
from tasks.environment import is_alive
from tasks.tracking.contents import local_folder
from tasks.tracking.tags import MODEL_TAG, PIPELINE_TAG, PROCESS_TAG

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel

_at_work: set[str] = set()
"""The runs and models that this process is at work on, in any of its threads."""


def owner() -> dict[str, str]:
    """The tag by which what a process began is known for its own."""
    return {PROCESS_TAG: f"{socket.gethostname()}:{os.getpid()}"}


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


def sweep(client: MlflowClient, experiment_id: str, pipeline: str) -> None:
    """Marks runs of this host as killed whose process is gone, and removes models that such a process half logged.

    Nobody else will: MLflow shows them as running, and as pending, for good.
    """
    running = f"tags.`{PIPELINE_TAG}` = '{pipeline}' and attributes.status = 'RUNNING'"
    for run in client.search_runs([experiment_id], running):
        if MODEL_TAG not in run.data.tags and _is_cut_off(run.info.run_id, run.data.tags):
            client.set_terminated(run.info.run_id, "KILLED")
    # The newest come first, and one page of them: a store does not find them by their status.
    for model in client.search_logged_models([experiment_id]):
        if model.status == "PENDING" and _is_cut_off(model.model_id, model.tags):
            _remove(client, model)


def _remove(client: MlflowClient, model: LoggedModel) -> None:
    client.delete_logged_model(model.model_id)
    folder = local_folder(model.artifact_location)
    # MLflow keeps a model's files in a folder of the model's name; what lies elsewhere is not known to be its own.
    if folder is not None and folder.parent.name == model.model_id:
        files.remove(folder.parent)


def _is_cut_off(identifier: str, tags: Mapping[str, str]) -> bool:
    host, _, process = tags.get(PROCESS_TAG, "").rpartition(":")
    # The number of another machine's process says nothing here.
    if host != socket.gethostname():
        return False
    return identifier not in _at_work if int(process) == os.getpid() else not is_alive(int(process))
