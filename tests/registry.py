"""A registry of MLflow with a small model of some versions, which were not trained: their files are all there is."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

from mlflow import MlflowClient

from tasks.paths import Project
from tasks.tracking import alias_history, store
from tasks.tracking.alias_history import Grounds, move
from tasks.tracking.contents import write_listing
from tasks.tracking.known_aliases import read_aliases
from tasks.tracking.uri import VARIABLE
from tests.registry_servers import artifacts_of, database_of

NAME = "churn"
WRITES = (
    "set_registered_model_tag",
    "set_registered_model_alias",
    "delete_registered_model_alias",
    "set_model_version_tag",
)


def project_with_versions(root: Path, empty_store: Path | None, num_versions: int = 4) -> Project:
    """A project in `root` whose registry has versions 1, 2 and so on of `churn`, and no alias."""
    project = Project(root=root)
    project.params.write_text("pipelines: {}\n")
    if empty_store is not None:
        shutil.copytree(empty_store, root / "mlflow")
    client = store.connect(project)
    client.create_registered_model(NAME)
    for number in range(1, num_versions + 1):
        add_version(project, client, number)
    return project


def add_version(project: Project, client: MlflowClient, number: int) -> None:
    folder = project.root / "versions" / str(number)
    folder.mkdir(parents=True)
    (folder / "MLmodel").write_text(f"artifact_path: {number}\n")
    write_listing(folder)
    tags = {"modelwright.verdict": f"version {number} is surely better"}
    source, run_id = (folder.as_uri(), None) if store.is_local(project) else _uploaded(client, folder)
    client.create_model_version(NAME, source=source, run_id=run_id, tags=tags, await_creation_for=0)


def _uploaded(client: MlflowClient, folder: Path) -> tuple[str, str]:
    """Where a server has the folder, and the run that it lies in: a server takes no place that it does not know."""
    experiment = client.get_experiment_by_name(NAME)
    run = client.create_run(experiment.experiment_id if experiment else client.create_experiment(NAME))
    client.log_artifacts(run.info.run_id, str(folder), folder.name)
    return f"{run.info.artifact_uri}/{folder.name}", run.info.run_id


def files_of(project: Project, number: int) -> Path:
    """The files of a version, wherever they are kept."""
    if store.is_local(project):
        return project.root / "versions" / str(number)
    return next(artifacts_of(project).rglob(f"{number}/MLmodel")).parent


def write_to_database(project: Project, statement: str) -> None:
    """What a hand in the database does: an update that MLflow knows nothing of."""
    served = database_of(project.root)
    opened = served or sqlite3.connect(project.tracking / "mlflow.db")
    with closing(opened) as connection, connection:
        connection.execute(statement)


def promote_at_once(project: Project, *, locked: bool = True, rounds: int = 3) -> None:
    """Two processes that make version 1, and version 2, champion at the same moment, and so on."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(2)
    arguments = [(project.root, version, locked, rounds, barrier) for version in (1, 2)]
    processes = [context.Process(target=_promote, args=given, daemon=True) for given in arguments]
    # MLflow puts a model's own code on the path of the process that loads it, and children would start with that.
    own = [place for place in sys.path if "/artifacts/" not in place]
    with patch.object(sys, "path", own), patch.dict(os.environ, {VARIABLE: store.tracking_uri(project)}):
        for process in processes:
            process.start()
    for process in processes:
        process.join(200)
        assert process.exitcode == 0


def _promote(root: Path, version: int, locked: bool, rounds: int, barrier: Any) -> None:
    project = Project(root=root)
    client = store.connect(project)
    if not locked:
        alias_history._alone = lambda _: nullcontext()  # type: ignore[assignment]
        alias_history._patience = lambda _: 1.0
    grounds = Grounds(who=f"process {version}", reason="at the same moment")
    for _ in range(rounds):
        read_aliases(client, NAME)
        barrier.wait(120)
        move(project, client, NAME, lambda _: {"champion": version}, grounds)


class CutOffError(Exception):
    """In the place of a kill."""


def cut_off(after: int) -> Callable[[int, str], None]:
    """For `Between`: ends right before the write of that number."""

    def act(num_writes: int, _: str) -> None:
        if num_writes == after:
            raise CutOffError

    return act


class Between:
    """A client that does something right before each write: `act` gets how many there were, and which one it is."""

    def __init__(self, client: MlflowClient, act: Callable[[int, str], None]) -> None:
        self._client = client
        self._act = act
        self.num_writes = 0

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._client, name)
        if name not in WRITES:
            return attribute

        def write(*arguments: Any) -> Any:
            self._act(self.num_writes, name)
            self.num_writes += 1
            return attribute(*arguments)

        return write
