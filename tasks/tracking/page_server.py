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
from importlib.util import find_spec
from tempfile import TemporaryFile
from typing import IO

from tasks import files
from tasks.environment import python_path
from tasks.errors import UserError, did_you_mean, printable
from tasks.operating import places
from tasks.operating.operation import page_of
from tasks.operating.ports import answers
from tasks.operating.service import MLFLOW
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

QUIET = ("--uvicorn-opts", "--log-level warning --timeout-graceful-shutdown 3")
"""Options that have it tell no request, and not wait for open pages at its end."""

_USERS = """\
[mlflow]
default_permission = READ
database_uri = sqlite:///{database}
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
"""
"""MLflow's settings of who is let in; no secret stands in them."""


def opening_page(project: Project, pipeline: str | None) -> str:
    """The page to open on: the pipeline's training runs, or all experiments. Raises UserError where there are none."""
    if store.is_local(project) and store.local_database(project) is None:
        raise UserError(f"nothing is tracked yet; `modelwright run {pipeline or 'PIPELINE'}` comes first")
    if pipeline is None:
        return pages.experiments()
    with store.reachable(project, store.COMMAND_AGAIN):
        client = store.connect(project)
        experiment = client.get_experiment_by_name(pipeline)
        if experiment is None:
            known = pipelines_in(project.params)
            comes_first = f"; `modelwright run {pipeline}` comes first"
            cure = comes_first if pipeline in known else did_you_mean(pipeline, known)
            raise UserError(f"no training of {pipeline} is tracked yet{cure}")
        return pages.training_runs(experiment.experiment_id)


def server_command(host: str, port: int, *options: str) -> tuple[str, ...]:
    """MLflow's server in one process; its store is that of `server_environment`."""
    return (
        *(sys.executable, "-m", "tasks.tracking.server_process"),
        *("server", "--workers", "1", "--host", host, "--port", str(port), *options),
    )


def server_environment(project: Project) -> dict[str, str]:
    """Which store the server serves, in the environment: a database's address may hold a password."""
    return {
        **_SETTINGS,
        "MLFLOW_BACKEND_STORE_URI": store.tracking_uri(project),
        "MLFLOW_ARTIFACTS_DESTINATION": str(project.tracking / "artifacts"),
        "PYTHONWARNINGS": "ignore",
        # The project's folder has one called mlflow, and a user's random.py there is not Python's.
        "PYTHONSAFEPATH": "1",
        "PYTHONPATH": python_path(),
    }


def secured_environment(project: Project, user: str, password: str, signing_key: str) -> dict[str, str]:
    """What has the server ask for a user and a password; it goes with `--app-name basic-auth`.

    The user may let in others. Raises UserError where the package for it is not installed.
    """
    if find_spec("flask_wtf") is None:
        raise UserError(
            "MLflow's pages can ask for a password only with the package flask-wtf, which is not installed; "
            "pip install 'modelwright[server]', or leave --host out"
        )
    settings = places.users(project).with_name("mlflow.ini")
    files.write_text(settings, _USERS.format(database=places.users(project)))
    return {
        "MLFLOW_AUTH_CONFIG_PATH": str(settings),
        "MLFLOW_AUTH_ADMIN_USERNAME": user,
        "MLFLOW_AUTH_ADMIN_PASSWORD": password,
        "MLFLOW_FLASK_SERVER_SECRET_KEY": signing_key,
    }


def page_address(project: Project) -> str:
    """The address of the server of MLflow's pages; of a local store, that of `modelwright up` or of `ui`."""
    up = page_of(project, MLFLOW)
    return f"{up}/" if up else pages.server(project)


@contextmanager
def serving(project: Project, port: int | None) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The address of a server that answers, and its process; it ends with the context.

    Without a `port` the usual one is taken, or another one where that is taken. Raises UserError when the port that was
    given is taken, or when MLflow does not start.
    """
    store.ensure_store(project)
    chosen = _free_port(port)
    with TemporaryFile() as log:
        process = subprocess.Popen(
            server_command("127.0.0.1", chosen),
            cwd=project.root,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, **server_environment(project)},
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
    while not answers(f"http://127.0.0.1:{port}/health"):
        if process.poll() is not None or time.monotonic() > deadline:
            log.seek(0)
            end = "\n".join(log.read().decode(errors="replace").splitlines()[-5:])
            raise UserError(f"MLflow's pages did not start; it said last:\n{printable(end)}")
        time.sleep(0.1)


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
