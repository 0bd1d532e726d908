"""Settings that Prefect cannot read are told in one message, by every command that needs Prefect."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows.settings import use_running_server
from tasks.operating import credentials
from tasks.operating.operation import Operation, OperationFile, ServiceStatus
from tasks.operating.sessions import known_process
from tasks.paths import Project

ROOT = Path(__file__).resolve().parents[2]
CHECK = """
from flows.settings import check_settings
from tasks.errors import UserError
try:
    check_settings()
    from flows.connection import look_at_server
    print(look_at_server()[0])
except UserError as error:
    print(error)
"""


def check(folder: Path, **more: str) -> str:
    """What a process of its own says: Prefect reads its settings once."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_API")}
    environment = {**kept, "PREFECT_HOME": str(folder), "PYTHONPATH": str(ROOT), **more}
    command = [sys.executable, "-c", CHECK]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True).stdout


def test_a_wrong_variable_is_named_and_its_value_is_not_shown(tmp_path: Path) -> None:
    assert "PREFECT_CLIENT_MAX_RETRIES: Input should be a valid integer" in check(
        tmp_path, PREFECT_CLIENT_MAX_RETRIES="many"
    )
    address = check(tmp_path, PREFECT_API_URL="http://me:s3cret@[::1")
    assert address.startswith("PREFECT_API_URL in the environment: http://[::1 cannot be read; write it like http")
    # As the message says.
    assert check(tmp_path).startswith("no server configured")


def test_a_wrong_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "prefect.toml").write_text("a = ")
    assert "from prefect.toml: invalid TOML" in check(tmp_path)
    (tmp_path / "prefect.toml").unlink()
    (tmp_path / "profiles.toml").write_text(
        'active = "team"\n[profiles.team]\nPREFECT_API_URL = "http://s3cret@[::1"\n'
    )
    profile = check(tmp_path)
    assert "an address, such as PREFECT_API_URL, is none; mend it in the environment" in profile
    assert "s3cret" not in profile


@pytest.mark.parametrize("command", [["run", "digits"], ["doctor"], ["schedule"]])
def test_every_command_says_so(command: list[str]) -> None:
    environment = {**os.environ, "PREFECT_API_URL": "http://[::1"}
    ended = subprocess.run(
        [sys.executable, "-c", "from tasks.command.cli import main; main()", *command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 2
    assert "PREFECT_API_URL in the environment: http://[::1 cannot be read" in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.fixture
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of this process names a server, before the test and after it."""
    for name in ("PREFECT_API_URL", "PREFECT_API_AUTH_STRING", "MODELWRIGHT_PREFECT_URL"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def is_up(project: Project, *, secured: bool = False, state: str = "ready") -> None:
    """Writes down that this process watches over a Prefect server."""
    server = ServiceStatus(
        name="prefect",
        state=state,
        since=0.0,
        restarts=0,
        process=None,
        page="http://127.0.0.1:4201",
        health=None,
    )
    operation = Operation(supervisor=known_process(os.getpid()), secured=secured, log=None, services=(server,))
    OperationFile(project).keep(operation)


@pytest.mark.usefixtures("no_server")
def test_the_server_of_modelwright_up_is_taken_with_its_credentials(tmp_path: Path) -> None:
    project = Project(root=tmp_path)
    use_running_server(project)
    assert "PREFECT_API_URL" not in os.environ
    made = credentials.ensure(project)
    is_up(project, secured=True)
    use_running_server(project)
    assert os.environ["PREFECT_API_URL"] == "http://127.0.0.1:4201/api"
    assert os.environ["PREFECT_API_AUTH_STRING"] == made.prefect


@pytest.mark.usefixtures("no_server")
def test_a_server_that_is_not_ready_or_asks_for_nothing(tmp_path: Path) -> None:
    project = Project(root=tmp_path)
    is_up(project, state="resting")
    use_running_server(project)
    assert "PREFECT_API_URL" not in os.environ
    is_up(project)
    use_running_server(project)
    assert os.environ["PREFECT_API_URL"] == "http://127.0.0.1:4201/api"
    assert "PREFECT_API_AUTH_STRING" not in os.environ


@pytest.mark.usefixtures("no_server")
def test_a_server_of_the_environment_comes_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    is_up(Project(root=tmp_path))
    use_running_server(Project(root=tmp_path))
    assert os.environ["PREFECT_API_URL"] == "http://127.0.0.1:9/api"


def test_where_it_cannot_be_reached_the_message_says_whose_it_is(tmp_path: Path) -> None:
    up = {"PREFECT_API_URL": "http://127.0.0.1:9/api", "MODELWRIGHT_PREFECT_URL": "http://127.0.0.1:9/api"}
    program = (
        "from flows.connection import check_server; from tasks.errors import UserError\ntry:\n    check_server()\n"
    )
    program += "except UserError as error:\n    print(error)"
    environment = {**os.environ, "PREFECT_HOME": str(tmp_path), "PYTHONPATH": str(ROOT), **up}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.stdout.startswith("the Prefect server at http://127.0.0.1:9/api (of `modelwright up`) cannot be used")
    assert "`modelwright ps` shows how it stands" in done.stdout
    assert "or go without: `modelwright down`" in done.stdout
