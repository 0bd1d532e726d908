from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import UserError
from tasks.paths import Project

ROOT = Path(__file__).resolve().parents[2]

SERVE = """
from flows.deployments import serve_schedules
from tasks.paths import Project, find_root
serve_schedules(Project(root=find_root()))
"""

FLOW = """
from pathlib import Path
from prefect import flow

from tasks.paths import find_root

@flow(name="tiny")
def tiny(pipeline: str) -> None:
    (find_root() / pipeline).touch()
"""

DEPLOYMENTS = """
deployments:
  - name: often
    entrypoint: tiny.py:tiny
    parameters: {pipeline: done}
    schedules:
      - {interval: 3600, slug: often}
    work_pool: {name: modelwright}
"""


def test_the_project_deploys_the_flow_every_night(monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.deployments import deployments

    monkeypatch.chdir(ROOT)
    (nightly,) = deployments(Project(root=ROOT))
    assert (nightly.flow_name, nightly.name, nightly.parameters) == ("training", "nightly", {"pipeline": "digits"})
    assert [getattr(each.schedule, "cron", None) for each in nightly.schedules or ()] == ["0 3 * * *"]
    assert nightly.work_pool_name is None


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("deployments: []", "has no deployments"),
        ('deployments: [{entrypoint: "tiny.py:tiny"}]', "has no name"),
        ("deployments: [{name: often}]", "has no entrypoint"),
        ('deployments: [{name: a, entrypoint: "no_file.py:tiny"}]', "of a is no flow"),
        ('deployments: [{name: a, entrypoint: "tiny.py:huge"}]', "of a is no flow"),
        ('deployments: [{name: a, entrypoint: "tiny.py:tiny", schedules: [{cron: soon}]}]', "schedule of a"),
        ('deployments: [{name: a, entrypoint: "tiny.py:tiny", schedules: [{corn: "0 3 * * *"}]}]', "schedule of a"),
    ],
)
def test_a_mistake_in_prefect_yaml_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, complaint: str
) -> None:
    from flows.deployments import deployments

    (tmp_path / "prefect.yaml").write_text(content)
    (tmp_path / "tiny.py").write_text(FLOW)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=complaint):
        deployments(Project(root=tmp_path))


def test_schedules_need_a_server_that_answers(tmp_path: Path) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from flows.deployments import serve_schedules

    with temporary_settings({PREFECT_API_URL: None}), pytest.raises(UserError, match="prefect server start"):
        serve_schedules(Project(root=tmp_path))
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:1/api"}), pytest.raises(UserError, match="not answer"):
        serve_schedules(Project(root=tmp_path))


@pytest.mark.chain
def test_schedules_are_registered_and_runs_run(tmp_path: Path) -> None:
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL, temporary_settings

    (tmp_path / "params.yaml").touch()
    (tmp_path / "prefect.yaml").write_text(DEPLOYMENTS)
    (tmp_path / "tiny.py").write_text(FLOW)
    port = _free_port()
    url = f"http://127.0.0.1:{port}/api"
    environment = {
        **os.environ,
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "PREFECT_API_URL": url,
        "PYTHONPATH": str(ROOT),
    }
    server = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with (
        temporary_settings({PREFECT_API_URL: url}),
        _process(server, tmp_path, environment),
        get_client(sync_client=True) as client,
    ):
        _wait(lambda: client.api_healthcheck() is None)
        with _process([sys.executable, "-c", SERVE], tmp_path, environment):
            deployment = _wait(lambda: next(iter(client.read_deployments()), None))
            run = client.create_flow_run_from_deployment(deployment.id)
            _wait(lambda: client.read_flow_run(run.id).state.is_final())
            assert client.read_flow_run(run.id).state.is_completed()
            assert (tmp_path / "done").exists()
            # Prefect's scheduler, and with it every night's run, fails on some versions of SQLAlchemy.
            _wait(lambda: [each for each in client.read_flow_runs() if each.auto_scheduled])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _process(command: list[str], folder: Path, environment: dict[str, str]) -> Iterator[None]:
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait(condition: Callable[[], Any]) -> Any:
    """What the condition gives as soon as it is true; the limit is for a busy machine."""
    deadline = time.monotonic() + 90
    while not (value := condition()):
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.2)
    return value
