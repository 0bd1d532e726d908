"""`modelwright up`, `ps` and `down` with the real servers: found by commands, closed to strangers, and gone after."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import shlex
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest
from ruamel.yaml import YAML

from tasks import files
from tasks.command.cli import main
from tasks.command.services import scheduled, services
from tasks.command.up import _noting
from tasks.errors import UserError
from tasks.operating import credentials, places
from tasks.operating.life import Life
from tasks.operating.operation import OperationFile, read, running
from tasks.operating.service import Service
from tasks.operating.supervisor import Watched
from tasks.paths import Project
from tests.projects import TINY, command, environment, make_own_project, modelwright

pytestmark = pytest.mark.chain

SCHEDULES = """\
deployments:
  - name: yearly
    entrypoint: flows.training.training
    parameters: {pipeline: masses}
    schedules: [{cron: "0 3 1 1 *", timezone: Etc/UTC}]
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[Project]:
    project = make_own_project(tmp_path_factory.mktemp("operated") / "project", store=empty_store)
    project.deployments.write_text(SCHEDULES)
    yield project
    modelwright(project.root, "down")


@pytest.fixture(scope="module")
def started(project: Project) -> str:
    """What `up` prints that lets others in. Its usual ports are taken, by this test or by somebody else."""
    with socket.socket() as prefect, socket.socket() as mlflow:
        for listener, port in ((prefect, 4200), (mlflow, 5000)):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                listener.bind(("0.0.0.0", port))
                listener.listen()
        return modelwright(project.root, "up", "--detach", "--host", "0.0.0.0").stdout


def shown_by(capsys: pytest.CaptureFixture[str], project: Project, *arguments: str) -> str:
    """What the command prints, in this process: a start of Python costs more than the command."""
    with contextlib.chdir(project.root):
        assert main([*arguments]) == 0
    return capsys.readouterr().out


def status(address: str, authorization: str | None = None) -> int:
    """The status of a request that may be refused."""
    request = urllib.request.Request(address)
    if authorization:
        request.add_header("Authorization", f"Basic {base64.b64encode(authorization.encode()).decode()}")
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def pages(printed: str) -> dict[str, str]:
    return dict(re.findall(r"^  (\w+) +(\S.*?) *$", printed, flags=re.MULTILINE))


def test_addresses_memory_and_log_are_printed_once_all_is_ready(started: str, project: Project) -> None:
    shown = pages(started)
    assert list(shown) == ["runs", "schedules", "models", "password", "memory", "log", "stop"]
    assert shown["schedules"] == "yearly"
    for name, usual in (("runs", 4200), ("models", 5000)):
        port = int(shown[name].removeprefix("http://127.0.0.1:"))
        assert usual < port < usual + 100
    assert 100 < int(shown["memory"].removesuffix(" MiB")) < 1500
    log = places.log(project).read_text()
    assert [name for name in ("prefect", "mlflow", "schedule") if f"{name} is ready (" not in log] == []
    assert "all are ready after" in log
    assert "Uvicorn running" not in log
    assert "serving" not in log


@pytest.mark.parametrize(
    ("service", "path"),
    [
        ("runs", "/api/admin/version"),
        ("models", "/api/2.0/mlflow/experiments/get?experiment_id=0"),
        ("models", "/"),
    ],
)
def test_strangers_are_refused_and_the_owner_is_let_in(started: str, project: Project, service: str, path: str) -> None:
    address = f"{pages(started)[service]}{path}"
    own = credentials.read(places.credentials(project))
    assert status(address) == 401
    assert status(address, f"{own.user}:{own.password}x") == 401
    assert status(address, own.prefect) == 200


def test_secrets_are_the_owners_alone_and_stand_in_no_log_or_command_line(started: str, project: Project) -> None:
    assert stat.S_IMODE(places.credentials(project).stat().st_mode) == 0o600
    own = credentials.read(places.credentials(project))
    operation = running(project)
    assert operation is not None
    commands = [" ".join(psutil.Process(known.pid).cmdline()) for known in operation.known_processes]
    files = [places.log(project), places.errors(project), places.record(project), places.folder(project) / "mlflow.ini"]
    for text in (started, *commands, *(file.read_text() for file in files)):
        assert own.password not in text
        assert own.signing_key not in text
    assert command(project.root, "git", "status", "--porcelain", "--", ".modelwright").stdout == ""


def test_ps_shows_each_service_with_its_process_and_memory(
    started: str, project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    operation = running(project)
    assert operation is not None
    lines = shown_by(capsys, project, "ps").splitlines()
    assert lines[0].split() == ["service", "state", "since", "restarts", "process", "MiB", "where"]
    rows = {line.split()[0]: line for line in lines[1:]}
    assert list(rows) == ["prefect", "schedule", "mlflow", "all"]
    for service in operation.services:
        assert " ready " in rows[service.name]
        assert service.process is not None
        assert f" {service.process.pid} " in rows[service.name]
    shown = json.loads(shown_by(capsys, project, "ps", "--json"))
    assert [service["state"] for service in shown["services"]] == ["ready"] * 3


def test_a_second_one_says_that_it_is_up_and_where(
    started: str, project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    again = shown_by(capsys, project, "up")
    assert again.startswith("it is up already")
    assert pages(again)["runs"] == pages(started)["runs"]


def test_a_run_in_another_shell_goes_to_its_server_and_links_to_its_pages(
    started: str, project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    modelwright(project.root, "run", "masses", "--to", "ingest")
    own = credentials.read(places.credentials(project))
    asked = httpx.post(
        f"{pages(started)['runs']}/api/flow_runs/filter",
        json={"flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}},
        auth=(own.user, own.password),
    )
    assert [run["parameters"]["pipeline"] for run in asked.json()] == ["masses"]
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    assert shown_by(capsys, project, "open", "--what", "prefect").strip() == pages(started)["runs"]


def test_a_damaged_record_is_written_again_while_it_is_up(
    started: str, project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    places.record(project).write_text("{")
    assert " ready " in shown_by(capsys, project, "ps")


def test_down_ends_what_a_killed_supervisor_has_left_and_a_stranger_under_an_old_number_lives(
    started: str, project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    operation = running(project)
    assert operation is not None
    record = json.loads(places.record(project).read_text())
    os.kill(operation.supervisor.pid, signal.SIGKILL)
    stranger = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"], start_new_session=True
    )
    try:
        record["services"][1]["process"] = {"pid": stranger.pid, "born": 1.0}
        places.record(project).write_text(json.dumps(record))
        assert modelwright(project.root, "down").stdout == "stopped\n"
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()
    deadline = time.monotonic() + 60
    while any(known.is_alive for known in operation.known_processes):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert read(project) is None
    assert shown_by(capsys, project, "down") == "nothing is up\n"
    assert shown_by(capsys, project, "ps").startswith("nothing is up")


def test_credentials_that_others_can_read_keep_it_from_starting(started: str, project: Project) -> None:
    places.credentials(project).chmod(0o644)
    for options in ((), ("--detach",)):
        refused = modelwright(project.root, "up", "--host", "0.0.0.0", *options, check=False)
        assert refused.returncode == 2
        assert re.search(r"^error: \S+credentials.json: others can read it", refused.stderr)
    subprocess.run(shlex.split(refused.stderr.split("`")[1]), check=True)
    assert stat.S_IMODE(places.credentials(project).stat().st_mode) == 0o600


def test_a_server_that_the_environment_names_is_not_started_and_ctrl_c_ends_the_rest(
    project: Project, tmp_path: Path
) -> None:
    project.deployments.write_text("deployments: []\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "tasks.command.cli", "up"],
        cwd=project.root,
        env=environment(project.root, PREFECT_API_URL="http://127.0.0.1:9/api"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("  stop"):
            break
    assert lines[0].endswith("up       | starting pause, mlflow\n")
    # What this project had run there once cannot be paused now: no reason to go without the rest.
    [refused] = [line for line in lines if " pause " in line and "nothing was paused" in line]
    assert "cannot be used: nothing listens there" in refused
    assert list(pages("".join(lines))) == ["models", "memory", "stop"]
    # On loopback nobody is asked for a password.
    assert status(f"{pages(''.join(lines))['models']}/api/2.0/mlflow/experiments/get?experiment_id=0") == 200
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60)[0].endswith("up       | stopped\n")
    assert process.returncode == 0
    assert read(project) is None


def test_nothing_is_left_to_start(project: Project) -> None:
    named = {"PREFECT_API_URL": "http://127.0.0.1:9/api", "MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}
    refused = modelwright(project.root, "up", check=False, **named)
    assert refused.returncode == 2
    assert "there is nothing to start" in refused.stderr


def test_a_full_disk_is_said_once_and_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise UserError("the disk is full")

    lines: list[str] = []
    note = _noting(OperationFile(Project(root=tmp_path)), lambda _, line: lines.append(line), secured=False, log=None)
    watched = [Watched(service=Service(name="toy", command=("toy",)), life=Life(since=0.0))]
    with monkeypatch.context() as patch:
        patch.setattr(files, "write_json", full)
        note(watched)
        note(watched)
    assert lines == ["the disk is full"]
    note(watched)
    operation = running(Project(root=tmp_path))
    assert operation is not None
    assert operation.services[0].state == "waiting"


@pytest.mark.parametrize(
    ("content", "names"),
    [("deployments: []\n", []), ("name: x\n", []), (SCHEDULES, ["yearly"]), ("[]\n", [])],
)
def test_schedules_run_where_some_are_filled_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, names: list[str]
) -> None:
    for variable in ("PREFECT_API_URL", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(variable, raising=False)
    project = Project(root=tmp_path)
    project.deployments.write_text(content)
    assert scheduled(project) == names
    project.params.write_text("pipelines: {churn: {schedule: {interval: 6h}}, sales: {}}\n")
    assert scheduled(project) == ["churn", *names]
    project.params.unlink()
    expected = ["prefect", *(["schedule"] if names else []), "mlflow"]
    assert names_of(project) == expected


def names_of(project: Project) -> list[str]:
    return [service.name for service in services(project, "127.0.0.1", None)]


def test_what_was_scheduled_once_is_paused_where_nothing_is_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("PREFECT_API_URL", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(variable, raising=False)
    project = Project(root=tmp_path)
    # A server without a database knows of nothing.
    assert names_of(project) == ["prefect", "mlflow"]
    places.prefect_database(project).parent.mkdir(parents=True)
    places.prefect_database(project).touch()
    assert names_of(project) == ["prefect", "pause", "mlflow"]
    pause = services(project, "127.0.0.1", None)[1]
    assert (pause.is_once, pause.after) == (True, ("prefect",))
    project.params.write_text("pipelines: {churn: {schedule: {interval: 6h}}}\n")
    assert names_of(project) == ["prefect", "schedule", "mlflow"]
    # Another one's server may know of something.
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    project.params.unlink()
    assert names_of(project) == ["pause", "mlflow"]


def test_a_pipeline_that_asks_for_it_is_served_on_a_port_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    project = Project(root=tmp_path)
    blocks = YAML(typ="safe").load(TINY)
    # 8000 is named by one of them, whether or not somebody listens there.
    for name, serve in (("scans", {"up": True}), ("masses", {"up": True, "port": 8000}), ("notes", {"port": 8001})):
        blocks["pipelines"][name]["serve"] = serve
    project.params.write_text(json.dumps(blocks))
    own = credentials.Credentials()
    _, scans, masses = services(project, "0.0.0.0", own)
    assert (scans.name, masses.name, masses.page) == ("serve@scans", "serve@masses", "http://127.0.0.1:8000")
    assert scans.page not in (None, masses.page)
    for service in (scans, masses):
        assert service.health == f"{service.page}/health"
        assert service.environment == {"MODELWRIGHT_SERVE_KEY": own.api_key}
        assert own.api_key not in service.command
        assert service.command[-5:] == ("--host", "0.0.0.0", "--port", service.page.rpartition(":")[2], "--wait")
    assert [service.environment for service in services(project, "127.0.0.1", None)] == [{}, {}, {}]
