"""What all tests share."""

from __future__ import annotations

import contextlib
import gc
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tasks.environment import collect_old_objects_rarely
from tasks.paths import Project
from tests.projects import REPOSITORY, make_own_project, make_project

if TYPE_CHECKING:
    from tests.registry_servers import RegistryServers

settings.register_profile("same", derandomize=True)
settings.register_profile("explore")
# The same examples in every run, so that a change is judged by what it changes. New ones: HYPOTHESIS_PROFILE=explore.
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


TURNS = 8
"""A commit runs one in so many of the tests marked long."""
OF_A_FILE = "needs a tracking store that is a file"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--registry",
        choices=("sqlite", "postgresql"),
        default="sqlite",
        help="what projects track in: a SQLite file, or an MLflow server on PostgreSQL",
    )
    parser.addoption(
        "--long-in-turn",
        action="store_true",
        help=f"of the tests marked long, one in {TURNS}: others with another commit",
    )


def pytest_collection_finish() -> None:
    """Takes what all tests have imported, a million objects that stay, out of the search for garbage: it took a tenth
    of a chain's time."""
    gc.freeze()
    collect_old_objects_rarely()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Puts files that take long before others; leaves out what has no turn, and what copies a store as files, or looks
    into one, where there are servers."""
    # A file of one test of minutes that begins last keeps one worker at work and the others waiting.
    long = {item.path for item in items if item.get_closest_marker("chain")}
    items.sort(key=lambda item: item.path not in long)
    if config.getoption("--long-in-turn"):
        _leave_out_what_has_no_turn(config, items)
    if config.getoption("--registry") == "sqlite":
        return
    for item in items:
        if item.get_closest_marker("sqlite") or "finished" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.skip(reason=OF_A_FILE))


def _leave_out_what_has_no_turn(config: pytest.Config, items: list[pytest.Item]) -> None:
    """By the commit's digest: it has the same tests wherever it is tested, also in a clone without its history."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=REPOSITORY, capture_output=True, text=True)
    turn = int(commit.stdout or "0", 16) % TURNS
    long = sorted(item.nodeid for item in items if item.get_closest_marker("long"))
    left_out = {nodeid for place, nodeid in enumerate(long) if place % TURNS != turn}
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid in left_out])
    items[:] = [item for item in items if item.nodeid not in left_out]


@pytest.fixture(scope="session", autouse=True)
def registry_servers(pytestconfig: pytest.Config) -> Iterator[RegistryServers | None]:
    """None where projects track in files of their own."""
    if pytestconfig.getoption("--registry") == "sqlite":
        yield None
        return
    from tests.registry_servers import in_place_of_files

    with in_place_of_files() as servers:
        yield servers


@pytest.fixture(scope="module", autouse=True)
def released_with_the_module(registry_servers: RegistryServers | None) -> Iterator[None]:
    """Where there are servers, the next module's projects get them."""
    yield
    if registry_servers is not None:
        registry_servers.release()


@pytest.fixture(autouse=True)
def released_with_the_test(request: pytest.FixtureRequest, registry_servers: RegistryServers | None) -> Iterator[None]:
    """Those of projects in the folder of one test."""
    if registry_servers is None or "tmp_path" not in request.fixturenames:
        yield
        return
    folder = request.getfixturevalue("tmp_path")
    yield
    registry_servers.release(folder)


@pytest.fixture(scope="session", autouse=True)
def log_of_dvc() -> None:
    """DVC binds its log to standard error as it is at its import: in a test that captures it, one that is closed."""
    import dvc.logger  # noqa: F401


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory, registry_servers: RegistryServers | None) -> Path:
    """An MLflow store with its tables and nothing in it: making one takes seconds, copying it does not.

    Where projects have servers, it is a folder with nothing in it.
    """
    from tasks.tracking.store import ensure_store

    folder = tmp_path_factory.mktemp("store") / "mlflow"
    if registry_servers is None:
        ensure_store(Project(root=folder.parent))
    else:
        folder.mkdir()
    return folder


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
