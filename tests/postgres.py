"""A real PostgreSQL for tests: Debian's binaries on a folder and a port of their own, gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

PASSWORD = "correct horse/battery@staple"
_START_SECONDS = 30


@dataclass(frozen=True, kw_only=True)
class Postgres:
    """A server on loopback with the superuser `owner`, who needs the password."""

    port: int
    folder: Path

    @property
    def url(self) -> str:
        return f"postgresql://owner@127.0.0.1:{self.port}/postgres"

    def run(self, *statements: str) -> list[tuple[object, ...]]:
        """Each statement on its own; the rows of the last one, if it gives any."""
        with self.connect() as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def connect(self, database: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user="owner", password=PASSWORD, dbname=database, autocommit=True
        )


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Skips the test, saying why, when PostgreSQL is not installed."""
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
    if not binaries:
        pytest.skip("needs Debian's package postgresql: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    user = _user(folder)
    try:
        _initialise(binaries[-1], folder, user)
        server = Postgres(port=_free_port(), folder=folder)
        with _started(binaries[-1], server, user):
            yield server
    finally:
        shutil.rmtree(folder)


def _user(folder: Path) -> str | None:
    """Whom to run as: root must not, so the package's own user, who then owns the folder."""
    if os.geteuid() != 0:
        return None
    entry = pwd.getpwnam("postgres")
    os.chown(folder, entry.pw_uid, entry.pw_gid)
    return "postgres"


def _initialise(binaries: Path, folder: Path, user: str | None) -> None:
    password = folder / "password"
    password.write_text(PASSWORD)
    password.chmod(0o644)
    options = ["--auth=scram-sha-256", "--no-sync", "--encoding=UTF8", "--locale=C", f"--pwfile={password}"]
    command = [str(binaries / "initdb"), "-D", str(folder / "data"), "--username=owner", *options]
    subprocess.run(command, check=True, capture_output=True, user=user, cwd=folder)


@contextmanager
def _started(binaries: Path, server: Postgres, user: str | None) -> Iterator[None]:
    settings = ["listen_addresses=127.0.0.1", "fsync=off", "shared_buffers=16MB"]
    flags = [part for setting in settings for part in ("-c", setting)]
    where = ["-D", str(server.folder / "data"), "-p", str(server.port), "-k", str(server.folder)]
    with (server.folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [str(binaries / "postgres"), *where, *flags], stdout=log, stderr=log, user=user, cwd=server.folder
        )
        try:
            _wait(server, process)
            yield
        finally:
            process.send_signal(signal.SIGINT)  # a fast shutdown: no waiting for sessions
            process.wait(timeout=30)


def _wait(server: Postgres, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            server.connect().close()
        except psycopg.OperationalError:
            log = (server.folder / "log").read_text()
            assert process.poll() is None, log
            assert time.monotonic() < deadline, log
            time.sleep(0.05)
        else:
            return


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
