from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """
import sys
from flows.console import run_training
from tasks.errors import UserError
try:
    for result in run_training(sys.argv[1], last="ingest"):
        print(result.stage, result.report.figure)
except UserError as error:
    print("UserError", error)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a good pipeline, and one whose ingest refuses."""
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    for package in ("flows", "tasks"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / ".dvcignore").write_text("__pycache__\n")
    good = (ROOT / "examples" / "digits.yaml").read_text()
    blocks = good.partition("pipelines:\n")[2]
    bad = blocks.replace("digits:", "bad:", 1).replace("target: ", "target: no_such_")
    (tmp_path / "params.yaml").write_text("pipelines:\n" + blocks + bad)
    subprocess.run([sys.executable, "-m", "dvc", "init", "--no-scm", "--quiet"], cwd=tmp_path, check=True)
    return tmp_path


def run(project: Path, pipeline: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PREFECT_HOME": str(project / "prefect")}
    environment.pop("PREFECT_API_URL", None)
    command = [sys.executable, "-c", PROGRAM, pipeline]
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)


def recorded(project: Path, query: str) -> list[Any]:
    with sqlite3.connect(project / "prefect" / "prefect.db") as database:
        return database.execute(query).fetchall()


@pytest.mark.chain
def test_the_console_is_clean_and_the_run_is_recorded(project: Path) -> None:
    done = run(project, "digits")
    assert done.stdout.startswith("ingest 1,797 rows")
    assert (len(done.stdout.splitlines()), done.stderr) == (1, "")
    assert recorded(project, "select state_name from flow_run") == [("Completed",)]
    assert recorded(project, "select state_name from task_run where name like 'ingest%'") == [("Completed",)]
    assert recorded(project, "select key from artifact where type = 'table'") == [("training-digits",)]

    refused = run(project, "bad")
    assert refused.stdout.startswith("UserError")
    assert "no_such_" in refused.stdout
    assert refused.stderr == ""
    message = recorded(project, "select message from flow_run_state where type = 'FAILED'")
    assert refused.stdout.removeprefix("UserError ").strip() in message[0][0]
    assert recorded(project, "select state_name from task_run where state_name != 'Completed'") == [("Failed",)]
    assert any("no_such_" in text for (text,) in recorded(project, "select message from log where level >= 40"))

    unknown = run(project, "digit")
    assert "did you mean digits?" in unknown.stdout
    assert len(recorded(project, "select id from flow_run")) == 2
