"""The tool as a wheel: it holds all that it needs, and serves a project of one's own without the repository."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from tasks.paths import STAGES
from tests.projects import REPOSITORY, command, environment, write_notes

pytestmark = pytest.mark.chain


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built of a copy, as setuptools leaves files beside what it builds."""
    source, dist = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for name in ("tasks", "flows"):
        shutil.copytree(REPOSITORY / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copyfile(REPOSITORY / name, source / name)
    pip("wheel", str(source), "--no-deps", "--no-build-isolation", "--wheel-dir", str(dist))
    [built] = dist.iterdir()
    return built


@pytest.fixture(scope="module")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where it is installed."""
    target = tmp_path_factory.mktemp("site")
    pip("install", "--no-deps", "--no-index", "--target", str(target), str(wheel))
    return target


def pip(*arguments: str) -> None:
    quiet = ("--quiet", "--disable-pip-version-check")
    subprocess.run([sys.executable, "-m", "pip", arguments[0], *quiet, *arguments[1:]], check=True)


def test_every_file_of_the_packages_is_in_it(wheel: Path) -> None:
    files = [file for name in ("tasks", "flows") for file in (REPOSITORY / name).rglob("*") if file.is_file()]
    source = {file.relative_to(REPOSITORY).as_posix() for file in files if "__pycache__" not in file.parts}
    packed = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert packed == source, "pyproject.toml lists packages and their data"


def test_a_project_goes_from_new_to_a_registered_model_without_the_repository(site: Path, tmp_path: Path) -> None:
    installed = {"PYTHONPATH": str(site), "PATH": f"{site / 'bin'}:{environment(tmp_path)['PATH']}"}

    def run(*arguments: str, folder: Path = tmp_path / "shop") -> str:
        return command(folder, *arguments, **installed).stdout

    place = run(sys.executable, "-c", "import tasks, flows; print(tasks.__file__, flows.__file__)", folder=tmp_path)
    assert place.count(str(site)) == 2
    assert shutil.which("modelwright", path=installed["PATH"]) == str(site / "bin" / "modelwright")
    run("modelwright", "new", "shop", folder=tmp_path)
    write_notes(tmp_path / "shop" / "notes.csv")
    run("modelwright", "init", "notes", "notes.csv", "--target", "kind")
    stages = json.loads(run("modelwright", "run", "--plain", "--json"))["stages"]
    assert [stage["outcome"] for stage in stages] == ["ran"] * len(STAGES)
    printed = run("dvc", "repro")
    assert printed.count("didn't change, skipping") == len(STAGES) + len(["code", "own_code"])
    assert run("modelwright", "status").count("up to date") == len(STAGES)
    assert "notes" in run("modelwright", "list")
