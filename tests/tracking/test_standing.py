"""Whether the registry still has the version that register left: asked in every run, as DVC sees files alone."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tasks.errors import UserError
from tasks.memo.chain import StageResult, StageRunner, run_plain
from tasks.paths import Project
from tasks.tracking import store
from tasks.tracking.standing import standing
from tests.mlflow_server import running_server

pytestmark = pytest.mark.chain

NOT_IMPORTED = """
import sys
from pathlib import Path
from tasks.paths import Project
from tasks.tracking.standing import standing

print(standing(Project(root=Path(sys.argv[1])).pipeline("notes")))
print([name for name in ("mlflow", "sqlalchemy", "polars", "pydantic") if name in sys.modules])
"""


@pytest.fixture
def registered(finished: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project of its own in which all is done; it is the working directory."""
    shutil.copytree(finished.root, tmp_path / "project", symlinks=True)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path / "project")
    project = Project(root=tmp_path / "project")
    # The snapshot is of the original: this is a project in which nothing changed since the last run.
    run_plain(project, "notes")
    return project


def register_of(project: Project) -> StageResult:
    """What the last stage was in a run of all; nothing before it runs."""
    results = run_plain(project, "notes")
    assert {result.outcome for result in results[:-1]} == {"unchanged"}
    return results[-1]


def test_a_version_that_stands_is_unchanged_and_asking_costs_no_library(registered: Project) -> None:
    assert register_of(registered).outcome == "unchanged"
    done = subprocess.run(
        [sys.executable, "-c", NOT_IMPORTED, str(registered.root)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["Standing(news=(), aliases=('champion',), champion=1)", "[]"]


@pytest.mark.parametrize("kind", ["run", "whole run", "model"])
def test_what_was_killed_ends_though_nothing_is_trained_again(registered: Project, kind: str) -> None:
    """What was killed in training may be restored, or taken back: then no training comes by to end it."""
    client = store.connect(registered)
    experiment_id = store.experiment(client, registered, "notes")
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    owner = f"{socket.gethostname()}:{gone.pid}:{time.time():.0f}"
    tags = {"modelwright.pipeline": "notes", "modelwright.process": owner}
    if kind == "model":
        model_id = client.create_logged_model(experiment_id, name="notes", tags=tags).model_id
    else:
        # Killed when all was logged, and before it could say that it is done.
        all_of_it = {"modelwright.model": "f" * 64} if kind == "whole run" else {}
        run_id = client.create_run(experiment_id, tags={**tags, **all_of_it}).info.run_id
    assert register_of(registered).outcome == "unchanged"
    if kind == "model":
        assert model_id not in {model.model_id for model in client.search_logged_models([experiment_id])}
    else:
        assert client.get_run(run_id).info.status == ("FINISHED" if kind == "whole run" else "KILLED")


def without_store(project: Project) -> None:
    shutil.rmtree(project.tracking)


def without_version(project: Project) -> None:
    store.connect(project).delete_model_version("notes", "1")


def without_model(project: Project) -> None:
    store.connect(project).delete_registered_model("notes")


def without_champion(project: Project) -> None:
    store.connect(project).delete_registered_model_alias("notes", "champion")


def of_another_model(project: Project) -> None:
    store.connect(project).set_model_version_tag("notes", "1", "modelwright.model", "f" * 64)


def without_files(project: Project) -> None:
    shutil.rmtree(project.tracking / "artifacts" / "notes" / "models")


@pytest.mark.parametrize(
    ("change", "news", "number"),
    [
        (without_store, "the registry has no version 1 of notes", 1),
        (without_version, "the registry has no version 1 of notes", 2),
        (without_model, "the registry has no version 1 of notes", 1),
        (without_champion, "the registry has no champion", 1),
        (of_another_model, "version 1 of the registry is another model", 2),
        (without_files, "version 1 in the store: MLmodel is missing or empty", 1),
    ],
)
def test_what_the_registry_lacks_is_registered_again(
    registered: Project, change: Callable[[Project], None], news: str, number: int
) -> None:
    change(registered)
    assert StageRunner(registered, "notes").out_of_date()["register"] == (news,)
    result = register_of(registered)
    assert (result.outcome, result.why) == ("ran", (news,))
    assert result.report.numbers["version"] == number
    client = store.connect(registered)
    assert client.get_model_version("notes", str(number)).tags["modelwright.model"] == result.report.numbers["model"]
    assert standing(registered.pipeline("notes")).news == ()
    # Once: the next run finds it.
    assert register_of(registered).outcome == "unchanged"


def test_another_store_is_another_registry(
    registered: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_store: Path
) -> None:
    shutil.copyfile(empty_store / "mlflow.db", tmp_path / "other.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/other.db")
    assert register_of(registered).why == ("the registry has no version 1 of notes",)
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert register_of(registered).outcome == "unchanged"


def test_an_alias_that_somebody_moved_is_told_and_stays(registered: Project) -> None:
    """Going back to an earlier version by hand is nobody's mistake."""
    client = store.connect(registered)
    version = client.get_model_version("notes", "1")
    client.create_model_version("notes", source=version.source, run_id=version.run_id, await_creation_for=0)
    client.set_registered_model_alias("notes", "champion", "2")
    result = register_of(registered)
    assert result.outcome == "unchanged"
    assert result.report.figure == "notes version 1"
    assert result.report.numbers["aliases"] == []
    assert result.report.diagnostics[-1] == "the aliases were moved since: version 2 is the champion"
    assert client.get_registered_model("notes").aliases == {"champion": 2}


def test_a_run_that_ends_earlier_asks_nobody(registered: Project, monkeypatch: pytest.MonkeyPatch, down: str) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", down)
    assert {result.outcome for result in run_plain(registered, "notes", last="evaluate")} == {"unchanged"}


def test_a_registry_that_cannot_be_asked_is_said_in_one_message(
    registered: Project, monkeypatch: pytest.MonkeyPatch, down: str
) -> None:
    before = registered.pipeline("notes").registration.read_bytes()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", down)
    with pytest.raises(UserError, match="run again; nothing is lost"):
        register_of(registered)
    assert registered.pipeline("notes").registration.read_bytes() == before
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert register_of(registered).outcome == "unchanged"


@pytest.fixture
def down(monkeypatch: pytest.MonkeyPatch) -> str:
    """An address on loopback where nobody listens."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def server(registered: Project, tmp_path: Path) -> Iterator[str]:
    """A tracking server with a copy of the project's registry."""
    shutil.copyfile(registered.tracking / "mlflow.db", tmp_path / "served.db")
    with running_server(f"sqlite:///{tmp_path}/served.db", tmp_path) as address:
        yield address


def test_a_server_is_asked_as_well(registered: Project, monkeypatch: pytest.MonkeyPatch, server: str) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    paths = registered.pipeline("notes")
    assert standing(paths).news == ()
    store.connect(registered).delete_registered_model_alias("notes", "champion")
    assert standing(paths).news == ("the registry has no champion",)
    store.connect(registered).delete_model_version("notes", "1")
    assert standing(paths).news == ("the registry has no version 1 of notes",)
    store.connect(registered).delete_registered_model("notes")
    assert standing(paths).news == ("the registry has no version 1 of notes",)
