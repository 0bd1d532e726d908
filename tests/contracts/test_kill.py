"""Killed in any stage, the next run completes as if nothing had happened."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.paths import STAGES, Project
from tests.projects import environment, modelwright

pytestmark = pytest.mark.chain

KILLED_IN = '''
"""Python imports this at its start: the process kills itself once it has written half of a stage."""
import os, signal, sys

def kill(event, arguments):
    if event == "os.rename" and f"/{os.environ['KILL_AT']}" in str(arguments[1]):
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(kill)
'''

FIRST_WRITTEN = {
    "ingest": "data/notes/raw",
    "validate": "data/notes/valid",
    "split": "data/notes/split/train",
    "clean": "data/notes/clean/train",
    "normalize": "data/notes/normalized/train",
    "augment": "data/notes/augmented",
    "train": "models/notes",
    "evaluate": "reports/notes/report.html",
    "register": "reports/notes/passport.json",
}
"""What each stage is about to put in its place when it is killed."""


@pytest.fixture(scope="module")
def survivor(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Project:
    """A project that is killed in stage after stage."""
    from tests.projects import make_project

    return make_project(tmp_path_factory.mktemp("survivor"), store=empty_store)


@pytest.mark.parametrize(
    "stage", [stage if stage == "train" else pytest.param(stage, marks=pytest.mark.long) for stage in STAGES]
)
def test_a_kill_in_a_stage_costs_that_stage_only(survivor: Project, stage: str, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(KILLED_IN)
    env = environment(survivor.root, PYTHONPATH=f"{tmp_path}:{survivor.root}", KILL_AT=FIRST_WRITTEN[stage])
    arguments = [sys.executable, "-m", "tasks.command.cli", "run", "notes", "--plain", "--json", "--to", stage]
    killed = subprocess.run(arguments, cwd=survivor.root, env=env, capture_output=True, text=True, timeout=200)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not (survivor.root / FIRST_WRITTEN[stage]).exists()

    done = json.loads(modelwright(survivor.root, "run", "notes", "--plain", "--json", "--to", stage).stdout)["stages"]
    assert [result["outcome"] for result in done] == ["unchanged"] * (len(done) - 1) + ["ran"]
    assert not list((survivor.root / "data").rglob(".*.tmp"))
