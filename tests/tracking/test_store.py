from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tasks.errors import UserError
from tasks.paths import Project
from tasks.tracking import store

pytestmark = [pytest.mark.chain, pytest.mark.sqlite]

FIRST_START = """
import sys
from pathlib import Path
from tasks.paths import Project
from tasks.tracking import store

project = Project(root=Path(sys.argv[1]))
print(store.experiment(store.connect(project), project, "digits"))
"""


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch) -> Path:
    """A working directory that must stay empty."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    folder = tmp_path / "nowhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("name", ["mlflow", "mlflow/mlflow.db"])
def test_a_link_to_a_store_that_is_not_there_is_left_alone(tmp_path, name):
    project = Project(root=tmp_path)
    link = tmp_path / name
    link.parent.mkdir(exist_ok=True)
    link.symlink_to("/nope/store")
    for ask in (store.check_store, store.ensure_store):
        with pytest.raises(UserError, match=rf"{link}: links to a place that is not there \(/nope/store\)"):
            ask(project)
    assert link.is_symlink()


def test_the_uri_is_the_projects_own_store_unless_one_is_given(tmp_path, monkeypatch):
    project = Project(root=tmp_path)
    assert store.tracking_uri(project) == f"sqlite:///{tmp_path}/mlflow/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    assert store.tracking_uri(project) == "http://127.0.0.1:5000"


def test_a_dvc_experiment_in_a_copy_uses_the_store_of_the_project(tmp_path):
    copy = Project(root=tmp_path / ".dvc/tmp/exps/tmpabc")
    assert store.tracking_uri(copy) == f"sqlite:///{tmp_path}/mlflow/mlflow.db"


@pytest.fixture(scope="module")
def first_starts(tmp_path_factory) -> tuple[Project, list[tuple[str, str]]]:
    """A project, and what two processes printed that started its store at the same time."""
    root = tmp_path_factory.mktemp("project")
    command = [sys.executable, "-c", FIRST_START, str(root)]
    environment = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    environment["PYTHONPATH"] = str(Path(store.__file__).parents[2])
    pipe = subprocess.PIPE
    starts = [
        subprocess.Popen(command, env=environment, cwd=root, stdout=pipe, stderr=pipe, text=True) for _ in range(2)
    ]
    return Project(root=root), [start.communicate() for start in starts]


def test_parallel_first_starts_make_one_quiet_store_in_wal_mode(first_starts):
    project, printed = first_starts
    assert printed == [("1\n", "")] * 2
    with closing(sqlite3.connect(project.tracking / "mlflow.db")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        found = connection.execute("SELECT artifact_location FROM experiments WHERE name = 'digits'").fetchall()
    assert found == [((project.tracking / "artifacts/digits").as_uri(),)]
    assert [path.name for path in project.root.iterdir()] == ["mlflow"]
    assert not list(project.tracking.glob(".*.tmp*"))


def test_an_experiment_that_was_deleted_is_restored(first_starts, nowhere):
    project, _ = first_starts
    client = store.connect(project)
    experiment_id = store.experiment(client, project, "digits")
    client.delete_experiment(experiment_id)
    assert store.experiment(client, project, "digits") == experiment_id
    assert client.get_experiment(experiment_id).lifecycle_stage == "active"
    assert not list(nowhere.iterdir())


def test_a_store_says_that_it_answers(first_starts, tmp_path):
    assert store.check_store(Project(root=tmp_path)) == "not there yet; the first training makes it"
    assert store.check_store(first_starts[0]) == "answers, 2 experiments"


def test_a_place_that_cannot_hold_a_store_is_the_users_to_mend(tmp_path):
    (tmp_path / "mlflow").write_text("a file where the folder should be")
    project = Project(root=tmp_path)
    with (
        pytest.raises(UserError, match=r"mlflow: a file in the place of a folder.*; move it away"),
        store.reachable(project),
    ):
        store.connect(project)


def test_a_password_in_the_address_of_a_store_is_not_shown(tmp_path, monkeypatch):
    uri = "http://me:s3cret/s3 cret@127.0.0.1:9/path"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    project = Project(root=tmp_path)
    assert store.shown_uri(project) == "http://127.0.0.1:9/path"
    message = r"^http://127\.0\.0\.1:9/path: the tracking"
    with pytest.raises(UserError, match=message) as refusal, store.reachable(project):
        raise OSError(f"no way to {uri}/api")
    assert "no way to http://127.0.0.1:9/path/api" in str(refusal.value)
    assert "cret" not in str(refusal.value)


def test_a_wrong_call_is_a_bug_and_stays_one(tmp_path):
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException), store.reachable(Project(root=tmp_path)):
        raise MlflowException.invalid_parameter_value("a bug of ours")
    with pytest.raises(FileNotFoundError), store.reachable(Project(root=tmp_path)):
        raise FileNotFoundError
