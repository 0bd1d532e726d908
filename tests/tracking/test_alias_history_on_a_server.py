"""The history of aliases by an MLflow server on PostgreSQL: no lock, and columns that have an end."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from mlflow import MlflowClient

from tasks.command.cli import main
from tasks.paths import Project
from tasks.promotion.chain import verify
from tasks.promotion.history import state
from tasks.promotion.reigns import reigns
from tasks.tracking import store
from tasks.tracking.alias_history import look
from tasks.tracking.contents import write_listing
from tasks.tracking.known_aliases import marks, read_aliases
from tests.mlflow_server import running_server
from tests.postgres import PASSWORD, running_postgres
from tests.registry import NAME, promote_at_once

pytestmark = pytest.mark.chain


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, Path]]:
    """A project whose registry is a server's, with versions 1 to 3; and the folder in which that keeps files."""
    folder, root = tmp_path_factory.mktemp("server"), tmp_path_factory.mktemp("project")
    with running_postgres() as postgres, pytest.MonkeyPatch.context() as patch:
        backend = f"postgresql+psycopg://owner:{quote(PASSWORD, safe='')}@127.0.0.1:{postgres.port}/postgres"
        with running_server(backend, folder) as address:
            patch.setenv("MLFLOW_TRACKING_URI", address)
            patch.chdir(root)
            (root / "params.yaml").write_text("pipelines: {}\n")
            project = Project(root=root)
            _add_versions(store.connect(project), root / "files")
            yield project, folder


def _add_versions(client: MlflowClient, files: Path) -> None:
    files.mkdir()
    (files / "MLmodel").write_text("artifact_path: model\n")
    write_listing(files)
    client.create_registered_model(NAME)
    run = client.create_run(client.create_experiment(NAME))
    for number in (1, 2, 3):
        client.log_artifacts(run.info.run_id, str(files), str(number))
        source = f"{run.info.artifact_uri}/{number}"
        client.create_model_version(NAME, source=source, run_id=run.info.run_id, await_creation_for=0)


def test_two_processes_at_the_same_moment_lose_nothing(served: tuple[Project, Path]) -> None:
    project, _ = served
    promote_at_once(project, rounds=2)
    client = store.connect(project)
    known = read_aliases(client, NAME)
    assert verify(known.kept, marks(client, NAME)).problems == ()
    assert state(known.records) == known.aliases
    assert {record.who for record in known.records} >= {"process 1", "process 2"}
    assert known.champion == reigns(known.records)[-1].version


def test_a_reason_as_long_as_may_be_is_kept_whole(
    served: tuple[Project, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    reason = "\N{GRINNING FACE}" + "x" * 1100
    assert main(["promote", NAME, "3", "--because", reason]) == 0
    assert main(["history", NAME, "--verify"]) == 0
    capsys.readouterr()
    assert main(["champion", NAME, "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert (content["version"], content["because"]) == (3, reason)
    assert main(["rollback", NAME, "--because", "it was worse"]) == 0
    assert main(["champion", NAME, "--at", content["since"]]) == 0
    assert "churn: version 3 was champion at" in capsys.readouterr().out


def test_a_version_whose_files_are_gone_or_damaged_on_the_server_is_refused(
    served: tuple[Project, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    _, folder = served
    model = next(folder.rglob("3/MLmodel"))
    model.write_text("artifact_path: another\n")
    assert main(["promote", NAME, "3", "--because", "why"]) == 2
    assert "of the files of version 3 in the store, MLmodel is damaged" in capsys.readouterr().err
    shutil.rmtree(model.parent)
    assert main(["promote", NAME, "3", "--because", "why"]) == 2
    # And not the line that MLflow heads a list of failures with.
    assert "(404 Client Error: Not Found); give a version whose files are there" in capsys.readouterr().err
    assert main(["history", NAME, "--verify"]) == 0


def test_a_model_that_is_renamed_keeps_its_history(served: tuple[Project, Path]) -> None:
    """The database moves the name in versions, aliases and tags; SQLite and PostgreSQL each in their own way."""
    project, _ = served
    client = store.connect(project)
    before = look(project, client, NAME)
    client.rename_registered_model(NAME, "leavers")
    known = look(project, client, "leavers")
    assert (known.records, known.aliases) == (before.records, before.aliases)
    assert len(known.records) >= 4
    assert verify(known.kept, marks(client, "leavers")).problems == ()
