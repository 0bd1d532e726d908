"""The flow, `run --plain` and `dvc repro` leave the same bytes and the same dvc.lock, and skip each other's work."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tasks.paths import STAGES, Project
from tests.projects import command, files_below, make_project, modelwright

pytestmark = pytest.mark.chain

FOLDERS = ("data", "models", "reports")


def left_behind(root: Path) -> dict[str, bytes]:
    """Every file that the stages left, and the lock."""
    return {**files_below(*(root / folder for folder in FOLDERS)), "dvc.lock": (root / "dvc.lock").read_bytes()}


def outcomes(printed: str) -> list[str]:
    return [stage["outcome"] for stage in json.loads(printed)["stages"]]


@pytest.fixture(scope="module")
def by_dvc(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Project:
    """A project in which `dvc repro` ran the pipeline `notes`."""
    project = make_project(tmp_path_factory.mktemp("by_dvc"), store=empty_store)
    command(project.root, "dvc", "repro", "--quiet", "register@notes")
    return project


@pytest.fixture(scope="module")
def by_flow(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Project:
    """A project in which the flow ran the pipeline `notes`."""
    project = make_project(tmp_path_factory.mktemp("by_flow"), store=empty_store)
    modelwright(project.root, "run", "notes", "--json")
    return project


@pytest.fixture(scope="module")
def plainly(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Project:
    """A project in which `run --plain` ran the pipeline `notes`."""
    project = make_project(tmp_path_factory.mktemp("plainly"), store=empty_store)
    modelwright(project.root, "run", "notes", "--plain", "--json")
    return project


def test_the_flow_leaves_what_dvc_repro_leaves(by_flow: Project, by_dvc: Project) -> None:
    assert left_behind(by_flow.root) == left_behind(by_dvc.root)


def test_a_plain_run_leaves_what_dvc_repro_leaves(plainly: Project, by_dvc: Project) -> None:
    assert left_behind(plainly.root) == left_behind(by_dvc.root)


def test_the_caches_hold_the_same(by_flow: Project, plainly: Project, by_dvc: Project) -> None:
    caches = [set(files_below(project.root / ".dvc" / "cache")) for project in (by_flow, plainly, by_dvc)]
    assert caches[0] == caches[1] == caches[2]


def test_dvc_repro_has_nothing_to_do_after_the_flow(by_flow: Project) -> None:
    before = (by_flow.root / "dvc.lock").read_bytes()
    printed = command(by_flow.root, "dvc", "repro", "register@notes").stdout
    # And the stage `code`, which comes before them.
    assert printed.count("didn't change, skipping") == len(STAGES) + 1
    assert (by_flow.root / "dvc.lock").read_bytes() == before


def test_the_flow_has_nothing_to_do_after_dvc_repro(by_dvc: Project) -> None:
    printed = modelwright(by_dvc.root, "run", "notes", "--json").stdout
    assert outcomes(printed) == ["unchanged"] * len(STAGES)


def test_a_plain_run_has_nothing_to_do_after_the_flow(by_flow: Project) -> None:
    printed = modelwright(by_flow.root, "run", "notes", "--plain", "--json").stdout
    assert outcomes(printed) == ["unchanged"] * len(STAGES)
