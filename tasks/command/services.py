"""What `modelwright up` runs: Prefect's server, MLflow's, schedules and the models' own, each where it is needed."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Set

from tasks.operating import places
from tasks.operating.credentials import Credentials
from tasks.operating.ports import free_port, own_address
from tasks.operating.service import MLFLOW, PAUSE, PREFECT, SCHEDULE, SERVE, Service
from tasks.paths import Project
from tasks.serving.access import KEY_VARIABLE

PortChoice = Callable[[str, int], int]
"""Gives a free port of a host: the preferred one, or the next."""

_PREFECT_PORT = 4200
_MLFLOW_PORT = 5000
_SERVE_PORT = 8000

_SCHEDULER_ENDS = 50.0
"""Seconds in which `modelwright schedule` ends the runs at work, tells the server, and pauses the schedules."""

_SERVER_ENDS = 45.0
"""Seconds in which `modelwright serve` answers what was begun, and writes its log."""


def services(
    project: Project, host: str, credentials: Credentials | None, choose: PortChoice = free_port
) -> list[Service]:
    """The project's services, on ports of that host as `choose` gives them; with `credentials` they ask for them.

    A server that the environment names is taken, and none started beside it.
    """
    return [
        *_prefect(project, host, credentials, choose),
        *_mlflow(project, host, credentials, choose),
        *_serving(project, host, credentials, choose),
    ]


def _prefect(project: Project, host: str, credentials: Credentials | None, choose: PortChoice) -> Iterator[Service]:
    from flows.standing_server import client_environment, server_command, server_environment

    authorization = credentials.prefect if credentials else None
    after: tuple[str, ...] = ()
    client: Mapping[str, str] = {}
    if not os.environ.get("PREFECT_API_URL"):
        port = choose(host, _PREFECT_PORT)
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
    # Before its first start the server knows nothing that could be at work.
    elif not after or places.prefect_database(project).exists():
        yield Service(
            name=PAUSE,
            command=(sys.executable, "-P", "-m", "flows.removed_schedules"),
            environment=client,
            after=after,
            is_once=True,
        )


def _mlflow(project: Project, host: str, credentials: Credentials | None, choose: PortChoice) -> Iterator[Service]:
    from tasks.tracking import store
    from tasks.tracking.page_server import QUIET, secured_environment, server_command, server_environment

    if not store.is_database(project):
        return
    port = choose(host, _MLFLOW_PORT)
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


def _serving(project: Project, host: str, credentials: Credentials | None, choose: PortChoice) -> Iterator[Service]:
    """A server for each pipeline that asks for one; one without a champion yet waits for it, and is ready."""
    from tasks.params.file import load_pipeline

    blocks = {name: load_pipeline(project.params, name).serve for name in _served(project)}
    chosen = {block.port for block in blocks.values()}
    first = _SERVE_PORT
    for name, block in blocks.items():
        port = block.port or _unclaimed_port(host, first, chosen, choose)
        # The next one's, as nobody listens here yet.
        first = first if block.port else port + 1
        page = own_address(host, port)
        yield Service(
            name=f"{SERVE}{name}",
            command=(
                *(sys.executable, "-P", "-m", "tasks.command.cli", "serve", name),
                *("--host", host, "--port", str(port), "--wait"),
            ),
            environment={KEY_VARIABLE: credentials.api_key} if credentials else {},
            page=page,
            health=f"{page}/health",
            stop_seconds=_SERVER_ENDS,
        )


def _unclaimed_port(host: str, first: int, claimed: Set[int | None], choose: PortChoice) -> int:
    """A free port, and none that a pipeline names."""
    port = choose(host, first)
    return port if port not in claimed else _unclaimed_port(host, port + 1, claimed, choose)


def _served(project: Project) -> list[str]:
    """The pipelines whose block says `serve: {up: true}`; mistakes elsewhere in the file are not ours to find."""
    from tasks.params.file import read_yaml

    content = read_yaml(project.params) if project.params.is_file() else None
    pipelines = content.get("pipelines") if isinstance(content, Mapping) else None
    if not isinstance(pipelines, Mapping):
        return []
    return [name for name, block in pipelines.items() if _asks_for_a_server(block)]


def _asks_for_a_server(block: object) -> bool:
    serve = block.get("serve") if isinstance(block, Mapping) else None
    return isinstance(serve, Mapping) and bool(serve.get("up"))


def scheduled(project: Project) -> list[str]:
    """The names of what params.yaml and prefect.yaml have run; empty where nothing of them is filled in."""
    from flows.pipeline_schedules import deployment_names

    return deployment_names(project)
