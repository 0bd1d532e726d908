"""MLflow servers with PostgreSQL behind them, in the place of SQLite files: `pytest --registry postgresql`.

A project for which no test names another store has a server of its own then. One that a test is done with is emptied
and serves the next: a start takes seconds.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from urllib.parse import quote

import psycopg
import pytest

from tasks.paths import Project
from tasks.tracking import store
from tasks.tracking.uri import VARIABLE
from tests.mlflow_server import running_server
from tests.postgres import PASSWORD, Postgres, running_postgres

_KEPT = ("alembic_version", "experiments", "workspaces")
"""Tables that hold what MLflow itself puts there at its start."""


@dataclass(frozen=True, kw_only=True)
class RegistryServer:
    """A server that answers; its artifacts are in `folder`, all else in the database of this name."""

    address: str
    database: str
    folder: Path


@dataclass
class RegistryServers:
    """The servers of one PostgreSQL, by the folders of the projects that have them now."""

    postgres: Postgres
    _stack: ExitStack
    _held: dict[Path, RegistryServer] = field(default_factory=dict)
    _free: list[RegistryServer] = field(default_factory=list)
    _num_databases: int = 0

    def of(self, root: Path) -> RegistryServer:
        """The project's server, which is empty at first."""
        if root not in self._held:
            self._held[root] = self._free.pop() if self._free else self._start()
        return self._held[root]

    def release(self, below: Path | None = None) -> None:
        """Takes the servers from the projects in this folder, or from all, with what is in them."""
        for root in [root for root in self._held if below is None or root.is_relative_to(below)]:
            server = self._held.pop(root)
            self._empty(server)
            self._free.append(server)

    def connect(self, root: Path) -> psycopg.Connection[tuple[object, ...]]:
        """To the database behind a project's server."""
        return self.postgres.connect(self.of(root).database)

    def _start(self) -> RegistryServer:
        self._num_databases += 1
        database, folder = f"registry_{self._num_databases}", Path(mkdtemp())
        self._stack.callback(shutil.rmtree, folder)
        self.postgres.run(f"CREATE DATABASE {database}")
        backend = f"postgresql+psycopg://owner:{quote(PASSWORD, safe='')}@127.0.0.1:{self.postgres.port}/{database}"
        address = self._stack.enter_context(running_server(backend, folder))
        return RegistryServer(address=address, database=database, folder=folder)

    def _empty(self, server: RegistryServer) -> None:
        with self.postgres.connect(server.database) as connection:
            rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
            tables = ", ".join(f'"{name}"' for (name,) in rows if name not in _KEPT)
            connection.execute(f"TRUNCATE {tables} CASCADE".encode())
            connection.execute("DELETE FROM experiments WHERE experiment_id <> 0")
        for entry in server.folder.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)


_running: RegistryServers | None = None


@contextmanager
def in_place_of_files() -> Iterator[RegistryServers]:
    """Projects have servers, in this process and in those that `environment` of tests/projects.py is for."""
    global _running
    with running_postgres() as postgres, ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        _running = RegistryServers(postgres, stack)
        patch.setattr(store, "tracking_uri", _tracking_uri)
        yield _running
    _running = None


def server_of(root: Path) -> RegistryServer | None:
    """The server of the project in this folder; None where it has a file."""
    return None if _running is None else _running.of(root)


def artifacts_of(project: Project) -> Path:
    """The folder in which the project's store keeps files, on a server as well."""
    server = server_of(project.root)
    return project.tracking / "artifacts" if server is None else server.folder


def folder_of(project: Project, source: str) -> Path:
    """The folder behind the address of a version's files."""
    return artifacts_of(project) / source.removeprefix("mlflow-artifacts:/").removeprefix("file://")


def database_of(root: Path) -> psycopg.Connection[tuple[object, ...]] | None:
    """A connection to the database behind the project's server; None where it has a file."""
    return None if _running is None else _running.connect(root)


def _tracking_uri(project: Project) -> str:
    assert _running is not None
    return os.environ.get(VARIABLE) or _running.of(project.root).address
