"""A project that was moved or copied: the places in its store, and what a run says and does then."""

from __future__ import annotations

import json
import logging
import shutil
import sqlite3
import subprocess
import sys
from contextlib import chdir, closing
from pathlib import Path

import pytest

from tasks.errors import UserError
from tasks.memo.chain import StageRunner, run_plain
from tasks.paths import STAGES, Project
from tasks.tracking import store
from tests.projects import environment

pytestmark = [pytest.mark.chain, pytest.mark.sqlite]

PREDICT = """
import sys
import mlflow

model = mlflow.pyfunc.load_model("models:/notes@champion")
print(len(model.predict(model.input_example)))
"""


@pytest.fixture(autouse=True)
def own_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture
def stored(tmp_path: Path, empty_store: Path) -> Project:
    """A project at OLD/project with an experiment of its own, and two whose artifacts lie elsewhere on purpose."""
    root = tmp_path / "old" / "project"
    shutil.copytree(empty_store, root / "mlflow")
    project = Project(root=root)
    client = store.connect(project)
    store.experiment(client, project, "digits")
    client.create_experiment("bucket", artifact_location="s3://models/mlflow/artifacts/bucket")
    # Begins as the project's own folder does, and is another.
    chosen = root.with_name("project-archive") / "mlflow" / "artifacts" / "chosen"
    client.create_experiment("chosen", artifact_location=chosen.as_uri())
    run = client.create_run(store.experiment(client, project, "digits"))
    client.log_text(run.info.run_id, "so it was", "note.txt")
    client.set_tag(run.info.run_id, "note", f"was made in {root.as_uri()}/mlflow/artifacts/digits")
    return project


def places(project: Project) -> dict[str, str]:
    with closing(sqlite3.connect(project.tracking / "mlflow.db")) as connection:
        return dict(connection.execute("SELECT name, artifact_location FROM experiments").fetchall())


def text_of_run(project: Project) -> str:
    client = store.connect(project)
    experiment_id = client.get_experiment_by_name("digits").experiment_id
    (run,) = client.search_runs([experiment_id])
    return Path(client.download_artifacts(run.info.run_id, "note.txt")).read_text()


@pytest.mark.parametrize("name", ["project", "pro", "projects of mine", "entwürfe"])
def test_what_the_project_holds_moves_with_it_and_nothing_else(
    stored: Project, tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    before = places(stored)
    moved = Project(root=tmp_path / "new" / name)
    moved.root.parent.mkdir()
    shutil.move(stored.root, moved.root)
    with caplog.at_level(logging.WARNING):
        assert text_of_run(moved) == "so it was"
        assert text_of_run(moved) == "so it was"
    artifacts = moved.tracking / "artifacts"
    assert places(moved) == before | {
        "Default": (artifacts / "0").as_uri(),
        "digits": (artifacts / "digits").as_uri(),
    }
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("tasks")]
    assert lines == [
        f"{moved.tracking}/mlflow.db: the project lay in {stored.root} when its runs and models were stored; 3 places "
        "are put right"
    ]
    (run,) = store.connect(moved).search_runs([store.experiment(store.connect(moved), moved, "digits")])
    assert run.data.tags["note"] == f"was made in {stored.root.as_uri()}/mlflow/artifacts/digits"


def test_a_copy_leaves_the_original_alone(stored: Project, tmp_path: Path) -> None:
    before = (stored.tracking / "mlflow.db").read_bytes()
    shutil.copytree(stored.root, tmp_path / "copy")
    copy = Project(root=tmp_path / "copy")
    client = store.connect(copy)
    run_id = client.create_run(store.experiment(client, copy, "digits")).info.run_id
    client.log_text(run_id, "of the copy", "note.txt")
    assert [path.parents[1].name for path in copy.tracking.rglob("note.txt") if "copy" in path.read_text()] == [run_id]
    assert not list(stored.tracking.rglob(run_id))
    assert (stored.tracking / "mlflow.db").read_bytes() == before
    assert text_of_run(stored) == "so it was"


def test_a_project_reached_through_a_link_was_not_moved(
    stored: Project, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "link").symlink_to(stored.root)
    before = places(stored)
    assert text_of_run(Project(root=tmp_path / "link")) == "so it was"
    assert places(stored) == before
    assert not caplog.records


def test_a_store_that_is_named_by_its_address_is_left_alone(
    stored: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be shared: whose copy of the artifacts it means, nobody knows."""
    shutil.copytree(stored.root, tmp_path / "copy")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{stored.tracking}/mlflow.db")
    before = places(stored)
    store.connect(Project(root=tmp_path / "copy"))
    assert places(stored) == before


@pytest.mark.parametrize("name", ["a#b", "a?b", "a%20b"])
def test_a_name_with_which_mlflow_finds_nothing_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=r"with which MLflow finds no model; rename the folder"):
        store.connect(Project(root=tmp_path / name))


def test_a_copied_project_keeps_runs_models_and_memo(
    finished: Project, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = tmp_path / "on another machine"
    shutil.copytree(finished.root, root, symlinks=True)
    copy = Project(root=root)
    with chdir(root), caplog.at_level(logging.WARNING):
        # status is a command, too.
        assert StageRunner(copy, "notes").out_of_date() == dict.fromkeys(STAGES, ())
        assert "places are put right" in caplog.text
        caplog.clear()
        for pipeline in ("notes", "masses", "scans"):
            assert {result.outcome for result in run_plain(copy, pipeline)} == {"unchanged"}
        assert not caplog.records
    lines = json.dumps(files_that_name(copy, finished.root))
    assert finished.root.as_uri() not in lines
    uri = f"sqlite:///{copy.tracking}/mlflow.db"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PREDICT],
        cwd=tmp_path,
        env=environment(tmp_path, MLFLOW_TRACKING_URI=uri),
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines()[-1:] == ["5"], done.stderr


def files_that_name(project: Project, root: Path) -> list[str]:
    """Places in the store that still name another root."""
    with closing(sqlite3.connect(project.tracking / "mlflow.db")) as connection:
        return [line for line in connection.iterdump() if str(root) in line]
