"""A quiet temporary Prefect server for a run that has no other: `python -m flows.server DESCRIPTOR` is its process.

Prefect can start one itself, but imports all of its server into our process to do so, one after the other, and prints
what the server says when it dies under open connections. This one starts beside our own imports, on a socket that is
open before the server is (so nobody polls, and no port is guessed), and is stopped once all it is due has arrived.
Its database is the usual one in Prefect's home, so `prefect server start` shows the runs later.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING

from tasks.environment import python_path
from tasks.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

    import uvicorn

START_SECONDS = 120
"""A fresh home migrates its database first: 10 s on two cores, and much longer on a busy machine."""

STOP_SECONDS = 10
"""The server writes down the last events within this time; what is left then is only the display of the run."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server's process, the log that it writes, and the port on loopback where it will answer."""

    process: subprocess.Popen[bytes]
    log: IO[bytes]
    port: int

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"


@contextmanager
def temporary_server() -> Iterator[Server]:
    """A server that is starting (see `wait_until_ready`); stopped in the end, also when this process is killed."""
    with TemporaryFile() as log:
        server = _start(log)
        try:
            yield server
        finally:
            _stop(server.process)


def wait_until_ready(server: Server) -> None:
    """Returns as soon as the server answers. Raises UserError with the end of its log when it does not."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=START_SECONDS)
    try:
        connection.request("GET", "/api/health")
        connection.getresponse().read()
    except (OSError, HTTPException) as error:
        raise UserError(
            f"Prefect's temporary server did not start ({error!r}); run with --plain, or start one with "
            f"`prefect server start` and set PREFECT_API_URL. It said last:\n{_log_end(server.log)}"
        ) from error
    finally:
        connection.close()


def _start(log: IO[bytes]) -> Server:
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        process = subprocess.Popen(
            [sys.executable, "-m", "flows.server", str(listener.fileno())],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            pass_fds=[listener.fileno()],
            # Not the working directory: a user's random.py there is not Python's.
            env={**os.environ, "PYTHONPATH": python_path(), "PYTHONSAFEPATH": "1"},
            start_new_session=True,  # an interrupt at the terminal is ours to report to it, not its own
        )
        return Server(process=process, log=log, port=listener.getsockname()[1])


def _stop(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    # The sign to stop, on which the server writes down its last events first; see `serve`.
    process.stdin.close()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _log_end(log: IO[bytes]) -> str:
    log.seek(0)
    return "\n".join(log.read().decode(errors="replace").splitlines()[-5:])


def serve(descriptor: int) -> None:
    """Answers on an open socket until standard input ends, which it also does when the process that started it dies.

    Ends at once, before it touches a database, when a server is configured: whoever started this one did so before
    Prefect's settings were read, to save the time that reading takes.
    """
    from prefect.settings import PREFECT_API_URL, PREFECT_HOME

    if PREFECT_API_URL.value():
        return
    import uvicorn
    from prefect.server.api.server import create_app

    app = create_app(ephemeral=True, final=True)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="on", timeout_graceful_shutdown=3))

    def stop_at_end_of_input() -> None:
        sys.stdin.read()
        server.should_exit = True

    threading.Thread(target=stop_at_end_of_input, daemon=True).start()
    run_one_by_one(server, PREFECT_HOME.value(), [socket.socket(fileno=descriptor)])


def run_one_by_one(server: uvicorn.Server, home: Path, sockets: list[socket.socket] | None = None) -> None:
    """Runs a server until it is told to stop; until it has started, no other one of this Prefect home starts.

    A server migrates the database when it starts, and several at once fail at that.
    """
    from filelock import FileLock

    def let_others_start() -> None:
        while not server.started:
            time.sleep(0.05)
        lock.release()

    home.mkdir(parents=True, exist_ok=True)
    # A lock of this file's own is let go of when the process ends, however it does.
    lock = FileLock(home / "modelwright.lock", thread_local=False)
    lock.acquire()
    threading.Thread(target=let_others_start, daemon=True).start()
    server.run(sockets=sockets)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
    os._exit(0)  # all is written and closed; taking Prefect's modules apart would cost another 1.3 s
