"""What all tests share."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

from tasks.paths import Project
from tests.projects import REPOSITORY, make_own_project, make_project

settings.register_profile("same", derandomize=True)
settings.register_profile("explore")
# The same examples in every run, so that a change is judged by what it changes. New ones: HYPOTHESIS_PROFILE=explore.
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


@pytest.fixture(scope="session", autouse=True)
def log_of_dvc() -> None:
    """DVC binds its log to standard error as it is at its import: in a test that captures it, one that is closed."""
    import dvc.logger  # noqa: F401


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow store with its tables and nothing in it: making one takes seconds, copying it does not."""
    from tasks.tracking.store import ensure_store

    root = tmp_path_factory.mktemp("store")
    ensure_store(Project(root=root))
    return root / "mlflow"


@pytest.fixture
def project(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with the tiny pipelines, in which nothing has run yet; it is the working directory."""
    monkeypatch.chdir(tmp_path)
    return make_project(tmp_path, store=empty_store)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Project:
    """A project whose tiny pipelines have all run, plainly and in this process. Tests read it, and change nothing."""
    from tasks.memo.chain import run_plain

    project = make_project(tmp_path_factory.mktemp("finished"), store=empty_store)
    with contextlib.chdir(project.root):
        for pipeline in ("scans", "masses", "notes"):
            run_plain(project, pipeline)
    return project


@pytest.fixture
def copied(finished: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project of its own in which everything has run; it is the working directory."""
    root = tmp_path / "project"
    shutil.copytree(finished.root, root, symlinks=True)
    monkeypatch.chdir(root)
    return Project(root=root)


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Another copy of the tool, which the projects of this test take for the one that is installed."""
    folder = tmp_path / "tool"
    shutil.copytree(REPOSITORY / "tasks", folder / "tasks", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(Project, "code", property(lambda _: folder))
    return folder


@pytest.fixture
def own(tmp_path: Path, tool: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    project = make_own_project(tmp_path / "own")
    monkeypatch.chdir(project.root)
    return project
