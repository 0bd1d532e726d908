"""A damaged store says what is wrong with it, and its cure works."""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tasks.command.doctor import examine
from tasks.errors import UserError
from tasks.memo.chain import run_plain
from tasks.paths import Project
from tasks.tracking import store
from tasks.tracking.database import cure

pytestmark = [pytest.mark.chain, pytest.mark.sqlite]


@pytest.fixture
def stored(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copytree(empty_store, tmp_path / "my project" / "mlflow")
    return Project(root=tmp_path / "my project")


def a_folder(database: Path) -> None:
    database.unlink()
    database.mkdir()


def emptied(database: Path) -> None:
    database.write_bytes(b"")


def rubbish(database: Path) -> None:
    database.write_text("no database at all\n" * 100)


def cut(database: Path) -> None:
    database.write_bytes(database.read_bytes()[:5000])


def another_database(database: Path) -> None:
    database.unlink()
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE cities (name TEXT)")


FAULTS = [
    (a_folder, "a folder lies in its place"),
    (emptied, "it is empty"),
    (rubbish, "file is not a database"),
    (cut, "database disk image is malformed"),
    (another_database, "no such table: alembic_version"),
]


@pytest.mark.parametrize(("fault", "reason"), FAULTS)
def test_a_damaged_store_is_said_with_its_cure_and_the_doctor_finds_it(
    stored: Project, fault: Callable[[Path], None], reason: str
) -> None:
    database = stored.tracking / "mlflow.db"
    fault(database)
    with pytest.raises(UserError) as caught:
        store.connect(stored)
    message = str(caught.value)
    assert message.startswith(f"{database}: the tracking store cannot be used ({reason}); bring its backup back")
    (check,) = [check for check in examine(stored) if check.name == "tracking"]
    assert check.cure == message
    follow(message)
    # It is moved, and nothing is thrown away.
    assert (stored.tracking / "aside" / "mlflow.db").exists()
    assert store.connect(stored).search_experiments()


def follow(message: str) -> None:
    """Gives the command that the message names, as somebody does who copies it into a shell."""
    (command,) = re.findall(r"`([^`]+)`", message)
    subprocess.run(["sh", "-c", command], check=True)


def test_a_run_says_it_and_goes_on_once_the_cure_is_followed(
    finished: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(finished.root, tmp_path / "project", symlinks=True)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path / "project")
    project = Project(root=tmp_path / "project")
    emptied(project.tracking / "mlflow.db")
    with pytest.raises(UserError, match="it is empty") as caught:
        run_plain(project, "notes")
    follow(str(caught.value))
    result = run_plain(project, "notes")[-1]
    assert (result.outcome, result.report.figure) == ("ran", "notes version 1, champion")


def test_the_log_of_a_store_that_is_gone_is_not_read_into_a_new_one(stored: Project) -> None:
    database = stored.tracking / "mlflow.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE experiments SET name = 'of the old store'")
        connection.commit()
        # Beside the open store lies its log, as after a kill.
        log = database.with_name("mlflow.db-wal").read_bytes()
    database.unlink()
    database.with_name("mlflow.db-wal").write_bytes(log)
    assert [experiment.name for experiment in store.connect(stored).search_experiments()] == ["Default"]
    assert database.with_name("mlflow.db-wal.aside").read_bytes() == log


def test_a_store_of_an_earlier_mlflow_is_migrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    project = Project(root=tmp_path / "my project")
    make_earlier(project.tracking / "mlflow.db")
    assert [experiment.name for experiment in store.connect(project).search_experiments()] == ["Default"]


def test_a_store_that_mlflow_does_not_migrate_by_itself_is_upgraded_by_hand(tmp_path: Path) -> None:
    """MLflow does so where tables are missing, as they are in today's earlier stores."""
    reason = (
        "Detected out-of-date database schema (found version 75868b020152, but expected dc11669786a5). Take a backup"
    )
    assert cure(tmp_path / "my project" / "mlflow.db", reason) == (
        "an earlier MLflow made it: make a backup (mlflow/README.md says how), then "
        f"`mlflow db upgrade 'sqlite:///{tmp_path}/my project/mlflow.db'`"
    )


def make_earlier(database: Path) -> None:
    """A store as MLflow made it some migrations ago."""
    from alembic import command
    from alembic.script import ScriptDirectory
    from mlflow.store.db.utils import _get_alembic_config
    from mlflow.store.tracking.dbmodels.initial_models import Base
    from sqlalchemy import create_engine

    database.parent.mkdir(parents=True)
    uri = f"sqlite:///{database}"
    engine = create_engine(uri)
    Base.metadata.create_all(engine)
    config = _get_alembic_config(uri)
    revisions = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revisions[6])
    engine.dispose()


def test_a_store_of_a_later_mlflow_asks_for_that_one(stored: Project) -> None:
    with closing(sqlite3.connect(stored.tracking / "mlflow.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")
        connection.commit()
    with (
        pytest.raises(UserError, match=r"made by another MLflow than the 3\.\S+ that is installed"),
        store.reachable(stored),
    ):
        store.connect(stored)


@pytest.mark.parametrize(
    ("reason", "advice"),
    [
        ("attempt to write a readonly database", "give yourself the right to write there"),
        ("unable to open database file", "give yourself the right to read and write there"),
        ("database is locked", "another process holds it: end that one, or wait, and run again"),
        ("database or disk is full", "make room and run again: nothing is lost"),
    ],
)
def test_what_is_no_damage_has_a_cure_of_its_own(tmp_path: Path, reason: str, advice: str) -> None:
    assert cure(tmp_path / "mlflow.db", reason) == advice


@pytest.mark.parametrize("place", ["mlflow.lock", "artifacts"])
def test_another_place_that_is_taken_is_named_and_not_the_store(tmp_path: Path, place: str) -> None:
    message = cure(tmp_path / "mlflow.db", f"[Errno 21] Is a directory: '/home/me/project/mlflow/{place}'")
    assert message.startswith("move aside what lies at that place")


def test_a_model_whose_files_are_damaged_is_found_by_the_doctor(
    finished: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(finished.root, tmp_path / "project", symlinks=True)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path / "project")
    project = Project(root=tmp_path / "project")
    assert "masses@champion" not in {check.name for check in examine(project)}
    (weights,) = (project.tracking / "artifacts" / "masses").glob("models/*/artifacts/artifacts/masses/*.txt")
    weights.write_bytes(weights.read_bytes()[:-10])
    (check,) = [check for check in examine(project) if check.name == "masses@champion"]
    assert check.finding == f"cannot be relied on: artifacts/masses/{weights.name} is damaged"
    assert str(check.cure).startswith("`modelwright run masses` packs it anew where it is the present model")
    result = run_plain(project, "masses")[-1]
    assert result.why == (f"version 1 in the store: artifacts/masses/{weights.name} is damaged",)
    assert result.report.figure == "masses version 1, champion"
    assert "masses@champion" not in {check.name for check in examine(project)}
