"""The flow, `run --plain` and `dvc repro` leave the same bytes and entries of dvc.lock, and skip each other's work.

Both in the tool's own repository and in a project of one's own, which does not hold the tool's code.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.paths import STAGES, Project
from tests.projects import command, files_below, lock_entries, make_own_project, make_project, modelwright

pytestmark = pytest.mark.chain

FOLDERS = ("data", "models", "reports")


def left_behind(root: Path) -> dict[str, Any]:
    """Every file that the stages left, and what the lock says of each stage."""
    return {**files_below(*(root / folder for folder in FOLDERS)), "dvc.lock": lock_entries(root)}


def outcomes(printed: str) -> list[str]:
    return [stage["outcome"] for stage in json.loads(printed)["stages"]]


Make = Callable[[str], Project]

SHAPES = [(make_project, STAGES[-1]), (make_own_project, "split")]
"""How a project is made, and the last stage that runs in it: what differs between the shapes shows in the first."""


def num_stages(last: str) -> int:
    return STAGES.index(last) + 1


@pytest.fixture(
    scope="module",
    params=[pytest.param(SHAPES[0], marks=pytest.mark.long, id="repository"), pytest.param(SHAPES[1], id="own")],
)
def shape(request: pytest.FixtureRequest) -> tuple[Callable[..., Project], str]:
    shape: tuple[Callable[..., Project], str] = request.param
    return shape


@pytest.fixture(scope="module")
def make(
    shape: tuple[Callable[..., Project], str], tmp_path_factory: pytest.TempPathFactory, empty_store: Path
) -> Make:
    """Makes a project of that shape."""
    return lambda name: shape[0](tmp_path_factory.mktemp(name), store=empty_store)


@pytest.fixture(scope="module")
def last(shape: tuple[Callable[..., Project], str]) -> str:
    return shape[1]


@pytest.fixture(scope="session")
def prefect_home(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One for all flows: Prefect's first start in a home makes its database, which takes longer than all else of it."""
    return str(tmp_path_factory.mktemp("prefect"))


@pytest.fixture(scope="module")
def by_dvc(make: Make, last: str) -> Project:
    """A project in which `dvc repro` ran the pipeline `notes`."""
    project = make("by_dvc")
    command(project.root, "dvc", "repro", "--quiet", f"{last}@notes")
    return project


@pytest.fixture(scope="module")
def by_flow(make: Make, last: str, prefect_home: str) -> Project:
    """A project in which the flow ran the pipeline `notes`."""
    project = make("by_flow")
    modelwright(project.root, "run", "notes", "--to", last, "--json", PREFECT_HOME=prefect_home)
    return project


@pytest.fixture(scope="module")
def plainly(make: Make, last: str) -> Project:
    """A project in which `run --plain` ran the pipeline `notes`."""
    project = make("plainly")
    modelwright(project.root, "run", "notes", "--to", last, "--plain", "--json")
    return project


def test_the_flow_leaves_what_dvc_repro_leaves(by_flow: Project, by_dvc: Project) -> None:
    assert left_behind(by_flow.root) == left_behind(by_dvc.root)


def test_a_plain_run_leaves_what_dvc_repro_leaves(plainly: Project, by_dvc: Project) -> None:
    assert left_behind(plainly.root) == left_behind(by_dvc.root)


def test_the_caches_hold_the_same(by_flow: Project, plainly: Project, by_dvc: Project) -> None:
    caches = [set(files_below(project.root / ".dvc" / "cache")) for project in (by_flow, plainly, by_dvc)]
    assert caches[0] == caches[1] == caches[2]


def test_dvc_repro_has_nothing_to_do_after_the_flow(by_flow: Project, last: str) -> None:
    before = (by_flow.root / "dvc.lock").read_bytes()
    printed = command(by_flow.root, "dvc", "repro", f"{last}@notes").stdout
    # And the stage `code`, which comes before them, and `own_code`, which comes before normalize.
    lists = 1 if num_stages(last) <= STAGES.index("normalize") else 2
    assert printed.count("didn't change, skipping") == num_stages(last) + lists
    assert (by_flow.root / "dvc.lock").read_bytes() == before


def test_the_flow_has_nothing_to_do_after_dvc_repro(by_dvc: Project, last: str, prefect_home: str) -> None:
    printed = modelwright(by_dvc.root, "run", "notes", "--to", last, "--json", PREFECT_HOME=prefect_home).stdout
    assert outcomes(printed) == ["unchanged"] * num_stages(last)


def test_a_plain_run_has_nothing_to_do_after_the_flow(by_flow: Project, last: str) -> None:
    printed = modelwright(by_flow.root, "run", "notes", "--to", last, "--plain", "--json").stdout
    assert outcomes(printed) == ["unchanged"] * num_stages(last)
