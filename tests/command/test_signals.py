"""Ctrl-C and SIGTERM end a run with one line, whoever runs it, and it shows as ended wherever it was shown."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tasks.paths import Project
from tests.projects import TINY, environment, make_project

pytestmark = pytest.mark.chain


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Project:
    """A project whose training takes longer than a test."""
    params = TINY.replace("epochs: 2", "epochs: 100000").replace("{folds: 2}", "{}")
    return make_project(tmp_path_factory.mktemp("long"), params, store=empty_store)


def rows(database: Path, query: str) -> list[str]:
    with sqlite3.connect(database) as connection:
        return [value for (value,) in connection.execute(query)]


RUN = (sys.executable, "-m", "tasks.command.cli", "run", "scans")


def interrupted(project: Project, number: signal.Signals, *command: str) -> tuple[int, str, list[int]]:
    """Exit code, what it says, and what is left of a run to which a signal comes while it trains."""
    store = project.tracking / "mlflow.db"
    # One that has told of an epoch: a run is there a moment before its training has begun.
    running = "select run_uuid from runs join latest_metrics using (run_uuid) where status = 'RUNNING'"
    started = subprocess.Popen(
        command,
        cwd=project.root,
        env=environment(project.root),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 200
    while not rows(store, running):
        assert started.poll() is None, "it ended before it trained"
        assert time.monotonic() < deadline, "it never trained"
        time.sleep(0.2)
    # Twice, as people do who wait; to the group, as a terminal does.
    for _ in range(2):
        os.killpg(started.pid, number)
        time.sleep(0.3)
        if started.poll() is not None:
            break
    printed, _ = started.communicate(timeout=90)
    return started.returncode, printed, [*map(int, rows(store, "select count(*) from runs where status = 'RUNNING'"))]


@pytest.mark.parametrize(
    ("number", "options", "code"),
    [
        (signal.SIGTERM, ["--plain"], 143),
        pytest.param(signal.SIGINT, ["--plain"], 130, marks=pytest.mark.long),
        pytest.param(signal.SIGINT, [], 130, marks=pytest.mark.long),
    ],
)
def test_a_signal_is_one_line(long: Project, number: signal.Signals, options: list[str], code: int) -> None:
    returned, printed, running = interrupted(long, number, *RUN, *options)
    assert (returned, printed) == (
        code,
        "interrupted; what was done is kept, and the same command goes on from there\n",
    )
    assert running == [0]
    assert set(rows(long.tracking / "mlflow.db", "select status from runs")) == {"KILLED"}
    if "--plain" not in options:
        assert rows(long.root / ".prefect" / "prefect.db", "select state_name from flow_run") == ["Crashed"]


def test_a_stage_of_dvc_is_ended_without_a_traceback(long: Project) -> None:
    _, printed, running = interrupted(long, signal.SIGINT, "dvc", "repro", "train@scans")
    assert "interrupted; what was done is kept, and the same command goes on from there" in printed
    assert "Traceback" not in printed
    assert running == [0]
