"""A tracking server that is down never costs a training, and the next run delivers what is missing."""

from __future__ import annotations

import logging
import socket

import pytest

from tasks.command.cli import main
from tasks.memo.chain import run_plain
from tasks.paths import Project

pytestmark = pytest.mark.chain


def refused_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def num_runs(project: Project) -> int:
    from tasks.tracking.store import connect

    client = connect(project)
    experiment = client.get_experiment_by_name("masses")
    return len(client.search_runs([experiment.experiment_id])) if experiment else 0


def test_a_training_outlives_its_server(
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with monkeypatch.context() as down, caplog.at_level(logging.WARNING):
        down.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{refused_port()}")
        assert main(["run", "masses", "--plain", "--to", "train"]) == 0
        assert "nothing is lost: the next run delivers what is missing" in caplog.text
        assert main(["run", "masses", "--plain"]) == 2
        assert "mend MLFLOW_TRACKING_URI, and run again; nothing is lost" in capsys.readouterr().err
        # Who gave no command that runs a stage has nothing to lose.
        assert main(["models"]) == 2
        assert "mend MLFLOW_TRACKING_URI; then give the command again" in capsys.readouterr().err
    assert project.pipeline("masses").undelivered.exists()
    assert num_runs(project) == 0

    assert main(["run", "masses", "--plain", "--to", "train"]) == 0
    assert not project.pipeline("masses").undelivered.exists()
    assert num_runs(project) == 1

    outcomes = {result.stage: result.outcome for result in run_plain(project, "masses")}
    assert (outcomes["train"], outcomes["evaluate"], outcomes["register"]) == ("unchanged", "unchanged", "ran")
    assert num_runs(project) == 1
