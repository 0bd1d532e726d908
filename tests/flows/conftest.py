"""A Prefect server for all tests here that need a real one: a start costs ten seconds and more."""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Iterator

import pytest

from tasks.errors import UserError
from tests.flows.commands import process, until
from tests.projects import REPOSITORY


@pytest.fixture(scope="session")
def standing_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a user with a server, which was started as the message says that there is none."""
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from flows.connection import check_server

    home = tmp_path_factory.mktemp("server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}/api"
    environment = {**os.environ, "PREFECT_HOME": str(home), "PREFECT_API_URL": url, "PYTHONPATH": str(REPOSITORY)}
    with temporary_settings({PREFECT_API_URL: url}):
        with pytest.raises(UserError) as refused:
            check_server()
        [advice] = re.findall(r"start it with `([^`]+)`", str(refused.value))
        # Runs that tests leave scheduled are late for as long as it stands, and it would try to mark them all at once,
        # which SQLite refuses: thousands of tracebacks, and a third of a core.
        without_late_runs = environment | {"PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "false"}
        with (
            process([sys.executable, "-m", *advice.split()], home, without_late_runs),
            get_client(sync_client=True) as client,
        ):
            until(lambda: client.api_healthcheck() is None)
            check_server()
            yield environment


@pytest.fixture(scope="module")
def server(standing_server: dict[str, str]) -> Iterator[dict[str, str]]:
    """The same, and the tests of a module are its users."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: standing_server["PREFECT_API_URL"]}):
        yield standing_server
