"""`modelwright ui`: it serves MLflow's pages on loopback, says where, and ends with one line."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tasks.command.cli import main
from tasks.paths import Project
from tasks.tracking import store
from tests.projects import environment
from tests.web_pages import browser, shown

pytestmark = pytest.mark.chain

PARAMS = """\
pipelines:
  masses: {}
  letters: {}
"""

UI = (sys.executable, "-m", "tasks.command.cli", "ui")


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Project:
    """A project with one training run of the pipeline masses in its store."""
    project = Project(root=tmp_path_factory.mktemp("tracked"))
    project.params.write_text(PARAMS)
    shutil.copytree(empty_store, project.tracking)
    client = store.connect(project)
    client.create_run(store.experiment(client, project, "masses"), run_name="learning_rate 0.1 -> 0.2")
    return project


@contextmanager
def serving(project: Project, *arguments: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The address that the command says first, and the command."""
    process = subprocess.Popen(
        [*UI, *arguments],
        cwd=project.root,
        env=environment(project.root),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip(), process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def servers(root: Path) -> list[str]:
    """The processes that serve a store in the folder."""
    commands = []
    for process in psutil.process_iter():
        try:
            if process.cwd() == str(root):
                commands.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return [command for command in commands if "mlflow.server" in command]


@pytest.fixture(scope="module")
def served(tracked: Project) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The pages of that project, where somebody else has the usual port; the tests of them run in order."""
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Whoever has it: the usual port is taken from here on.
        try:
            taken.bind(("127.0.0.1", 5000))
            taken.listen()
        except OSError:
            assert taken
        with serving(tracked, "masses") as server:
            yield server


def test_it_opens_on_the_training_runs_where_the_port_is_taken_too(
    tracked: Project, served: tuple[str, subprocess.Popen[str]]
) -> None:
    address, _ = served
    opened = re.fullmatch(r"(http://127\.0\.0\.1:(\d+)/)#/experiments/\d+/runs\?workflowType=machine_learning", address)
    assert opened, address
    assert opened[2] != "5000"
    assert urllib.request.urlopen(f"{opened[1]}health").status == 200
    assert servers(tracked.root)


def test_the_page_shows_the_training_runs(served: tuple[str, subprocess.Popen[str]], tmp_path: Path) -> None:
    browser()
    page = shown(served[0], tmp_path / "profile")
    assert "matching run" in page
    assert "learning_rate 0.1 -&gt; 0.2" in page
    assert "Training runs" not in page  # as MLflow's pages for prompts and traces call them


def test_it_ends_with_one_line(tracked: Project, served: tuple[str, subprocess.Popen[str]]) -> None:
    _, process = served
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60)[0] == "stopped\n"
    assert process.returncode == 0
    assert not servers(tracked.root)


def test_a_pipeline_that_is_unknown_or_never_trained(
    tracked: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tracked.root)
    assert main(["ui", "mases"]) == 2
    assert "did you mean masses?" in capsys.readouterr().err
    assert main(["ui", "letters"]) == 2
    assert "`modelwright run letters` comes first" in capsys.readouterr().err


def test_a_port_that_was_asked_for_and_is_taken(
    tracked: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tracked.root)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["ui", "masses", "--port", str(taken.getsockname()[1])]) == 2
    assert "leave it out, and a free one is taken" in capsys.readouterr().err


def test_nothing_is_tracked_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "params.yaml").write_text("pipelines: {}\n")
    monkeypatch.chdir(tmp_path)
    assert main(["ui", "masses"]) == 2
    assert "nothing is tracked yet; `modelwright run masses` comes first" in capsys.readouterr().err
    assert not (tmp_path / "mlflow").exists()


def test_the_projects_own_page_leads_to_mlflows(tracked: Project) -> None:
    with serving(tracked) as (address, process):
        found = re.fullmatch(r"http://127\.0\.0\.1:\d+/", address)
        assert found, address
        page = urllib.request.urlopen(address).read().decode()
        # At once, while MLflow's pages are starting.
        assert "learning_rate 0.1 -&gt; 0.2" in page
        assert "MLflow&#39;s pages are starting" in page
        assert process.stdout is not None
        mlflow = process.stdout.readline().strip().removeprefix("MLflow: ")
        page = urllib.request.urlopen(address).read().decode()
        assert f'<a href="{mlflow}#/experiments?workflowType=machine_learning">MLflow: runs and models</a>' in page
        assert re.search(rf'<a href="{re.escape(mlflow)}#/experiments/\d+/runs/\w+\?', page)
        assert urllib.request.urlopen(f"{mlflow}health").status == 200
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60)[0] == "stopped\n"
        assert process.returncode == 0
    assert not servers(tracked.root)


def test_the_projects_own_page_needs_no_store_and_no_pipeline(tmp_path: Path) -> None:
    project = Project(root=tmp_path)
    project.params.write_text("pipelines: {}\n")
    with serving(project) as (address, process):
        assert "modelwright init NAME SOURCE" in urllib.request.urlopen(address).read().decode()
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=60)[0] == "stopped\n"
    assert not (tmp_path / "mlflow").exists()
