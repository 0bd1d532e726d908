"""MLflow's pages of a local store, served on loopback for as long as somebody looks at them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from tempfile import TemporaryFile
from typing import IO

from tasks.errors import UserError, did_you_mean, printable
from tasks.params.file import pipelines_in
from tasks.paths import Project
from tasks.tracking import pages, store

_START_SECONDS = 180
"""MLflow starts within ten seconds, and much later on a machine that has more to do."""

_STOP_SECONDS = 10

_SETTINGS = {
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # Else MLflow starts seven processes more, of 260 MB each, for jobs that nobody gives it here.
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
}


def opening_page(project: Project, pipeline: str | None) -> str:
    """The page to open on: the pipeline's training runs, or all experiments. Raises UserError where there are none."""
    if store.is_local(project) and store.local_database(project) is None:
        raise UserError(f"nothing is tracked yet; `modelwright run {pipeline or 'PIPELINE'}` comes first")
    if pipeline is None:
        return pages.experiments()
    with store.reachable(project):
        client = store.connect(project)
        experiment = client.get_experiment_by_name(pipeline)
        if experiment is None:
            known = pipelines_in(project.params)
            comes_first = f"; `modelwright run {pipeline}` comes first"
            cure = comes_first if pipeline in known else did_you_mean(pipeline, known)
            raise UserError(f"no training of {pipeline} is tracked yet{cure}")
        return pages.training_runs(experiment.experiment_id)


@contextmanager
def serving(project: Project, port: int | None) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The address of a server that answers, and its process; it ends with the context.

    Without a `port` the usual one is taken, or another one where that is taken. Raises UserError when the port that was
    given is taken, or when MLflow does not start.
    """
    uri = store.ensure_store(project)
    chosen = _free_port(port)
    with TemporaryFile() as log:
        # -P keeps the project's folder, which has one called mlflow, off the path.
        command = [sys.executable, "-P", "-W", "ignore", "-m", "mlflow", "server", "--workers", "1"]
        process = subprocess.Popen(
            [*command, "--backend-store-uri", uri, "--host", "127.0.0.1", "--port", str(chosen)],
            cwd=project.root,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, **_SETTINGS},
            start_new_session=True,  # an interrupt at the terminal is ours to report to it, not its own
        )
        try:
            _wait_until_ready(process, chosen, log)
            yield f"http://127.0.0.1:{chosen}/", process
        finally:
            _stop(process)


def _free_port(port: int | None) -> int:
    """The port to listen on."""
    wishes = [pages.DEFAULT_PORT, 0] if port is None else [port]
    for wish in wishes:
        try:
            with socket.create_server(("127.0.0.1", wish)) as listener:
                return int(listener.getsockname()[1])
        except (OSError, OverflowError) as error:
            reason = error
    raise UserError(f"--port {port}: cannot be listened on ({reason}); leave it out, and a free one is taken")


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: IO[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not _answers(port):
        if process.poll() is not None or time.monotonic() > deadline:
            log.seek(0)
            end = "\n".join(log.read().decode(errors="replace").splitlines()[-5:])
            raise UserError(f"MLflow's pages did not start; it said last:\n{printable(end)}")
        time.sleep(0.1)


def _answers(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ends the server with the processes that it started."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
        except ProcessLookupError:
            break
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            continue
    process.wait()
