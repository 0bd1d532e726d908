"""What `modelwright up` runs: Prefect's server, MLflow's, and the schedules, each where the project needs it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping

from tasks.operating.credentials import Credentials
from tasks.operating.ports import free_port, own_address
from tasks.operating.service import MLFLOW, PREFECT, SCHEDULE, Service
from tasks.paths import Project

_PREFECT_PORT = 4200
_MLFLOW_PORT = 5000

_SCHEDULER_ENDS = 50.0
"""Seconds in which `modelwright schedule` ends the runs at work, tells the server, and pauses the schedules."""


def services(project: Project, host: str, credentials: Credentials | None) -> list[Service]:
    """The project's services, on free ports of that host; with `credentials` they ask for them.

    A server that the environment names is taken, and none started beside it.
    """
    return [*_prefect(project, host, credentials), *_mlflow(project, host, credentials)]


def _prefect(project: Project, host: str, credentials: Credentials | None) -> Iterator[Service]:
    from flows.standing_server import client_environment, server_command, server_environment

    authorization = credentials.prefect if credentials else None
    after: tuple[str, ...] = ()
    client: Mapping[str, str] = {}
    if not os.environ.get("PREFECT_API_URL"):
        port = free_port(host, _PREFECT_PORT)
        page = own_address(host, port)
        guarded = {"PREFECT_SERVER_API_AUTH_STRING": authorization} if authorization else {}
        client, after = client_environment(page, authorization), (PREFECT,)
        yield Service(
            name=PREFECT,
            command=server_command(host, port),
            environment={**server_environment(project, page, reachable=credentials is not None), **client, **guarded},
            page=page,
            health=f"{page}/api/health",
        )
    if scheduled(project):
        yield Service(
            name=SCHEDULE,
            command=(sys.executable, "-P", "-m", "tasks.command.cli", "schedule"),
            environment=client,
            ready_line="serving ",
            after=after,
            noise=("serving ",),
            stop_seconds=_SCHEDULER_ENDS,
        )


def _mlflow(project: Project, host: str, credentials: Credentials | None) -> Iterator[Service]:
    from tasks.tracking import store
    from tasks.tracking.page_server import QUIET, secured_environment, server_command, server_environment

    if not store.is_database(project):
        return
    port = free_port(host, _MLFLOW_PORT)
    page = own_address(host, port)
    environment = server_environment(project)
    options = [*QUIET]
    if credentials:
        environment |= secured_environment(project, credentials.user, credentials.password, credentials.signing_key)
        options += ["--app-name", "basic-auth"]
    yield Service(
        name=MLFLOW,
        command=server_command(host, port, *options),
        environment=environment,
        page=page,
        health=f"{page}/health",
        noise=("[MLflow] Security middleware", "Registry store URI", "This feature is still experimental"),
    )


def scheduled(project: Project) -> list[str]:
    """The names of what params.yaml and prefect.yaml have run; empty where nothing of them is filled in."""
    from flows.pipeline_schedules import deployment_names

    return deployment_names(project)
