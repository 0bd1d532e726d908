"""The Prefect server of `modelwright up`, which stays: `python -m flows.standing_server HOST PORT` is its process.

As `prefect server start` has it, with pages and with the services that make runs of schedules, without its banner, and
without waiting for open pages at its end.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from tasks.environment import python_path
from tasks.operating import places
from tasks.params.file import load_retentions
from tasks.params.retention import longest_days
from tasks.paths import Project

_DATABASE = "PREFECT_SERVER_DATABASE_CONNECTION_URL"

_LEASES = "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE"

LEASE_FOLDER = "MODELWRIGHT_LEASES"
"""The variable that names the folder of flows/lease_storage.py."""

_VACUUM = "PREFECT_SERVER_SERVICES_DB_VACUUM"
"""How the settings begin of the service by which Prefect's server lets go of flow runs that ended long ago."""

_STOP_SECONDS = 3
"""How long requests at work may take to end; an open page holds a connection for good."""


def server_command(host: str, port: int) -> tuple[str, ...]:
    """The server's process."""
    return sys.executable, "-m", "flows.standing_server", host, str(port)


def server_environment(project: Project, address: str, *, reachable: bool) -> dict[str, str]:
    """The server's settings; `reachable` says that others than this machine may open its pages.

    Where the environment names no database, its runs are this project's alone: of two projects with a schedule of the
    same name, one would run the other's.
    """
    return {
        _DATABASE: os.environ.get(_DATABASE) or f"sqlite+aiosqlite:///{places.prefect_database(project)}",
        "PREFECT_API_URL": f"{address}/api",
        # Where a page asks; another machine knows this one by names that we do not know.
        "PREFECT_UI_API_URL": "/api" if reachable else f"{address}/api",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
        **_retention_of_runs(project),
        _LEASES: os.environ.get(_LEASES) or "flows.lease_storage",
        LEASE_FOLDER: str(places.leases(project)),
        # A user's random.py in the project's folder is not Python's.
        "PYTHONSAFEPATH": "1",
        "PYTHONPATH": python_path(),
    }


def days_of_runs(project: Project) -> int | None:
    """For how many days a server of this project keeps its runs; None where it never lets them go."""
    retentions = load_retentions(project.params)
    return None if retentions is None else longest_days(retentions)


def _retention_of_runs(project: Project) -> dict[str, str]:
    """Prefect's own runs, with their logs, go as params.yaml says; where that never lets runs go, nor does Prefect.

    It does not know pipelines: so they are kept as long as the pipeline asks that keeps its runs longest. What the
    environment says of it comes first.
    """
    days = days_of_runs(project)
    if days is None or any(name.startswith(_VACUUM) for name in os.environ):
        return {}
    return {f"{_VACUUM}_ENABLED": "events,flow_runs", f"{_VACUUM}_RETENTION_PERIOD": str(days * 86_400)}


def client_environment(address: str, authorization: str | None) -> Mapping[str, str]:
    """What those need who are to run on it; `authorization` is USER:PASSWORD where it asks for some."""
    asked = {"PREFECT_API_AUTH_STRING": authorization} if authorization else {}
    return {"PREFECT_API_URL": f"{address}/api", **asked}


def serve(host: str, port: int) -> None:
    """Answers until SIGTERM or an interrupt."""
    import uvicorn
    from prefect.server.api.server import create_app
    from prefect.settings import PREFECT_HOME

    from flows.server import run_one_by_one

    app = create_app(final=True)
    config = uvicorn.Config(
        app, host=host, port=port, log_level="warning", lifespan="on", timeout_graceful_shutdown=_STOP_SECONDS
    )
    run_one_by_one(uvicorn.Server(config), PREFECT_HOME.value())


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
