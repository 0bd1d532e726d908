"""What a served model imports is packed, and no more."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from tasks.tracking import served_code
from tasks.tracking.served_code import PACKED, pack
from tests.imports import import_graph


def modules(archive: Path) -> set[str]:
    with ZipFile(archive) as packed:
        assert packed.testzip() is None
        names = [name.removesuffix(".py").removesuffix("/__init__") for name in packed.namelist()]
    return {name.replace("/", ".") for name in names}


def test_all_that_serving_imports_is_packed_and_no_package_is_packed_for_nothing(tmp_path: Path) -> None:
    graph = import_graph("tasks")
    needed, waiting = set(), {"tasks.tracking.served_model"}
    while waiting:
        needed |= waiting
        upstream = {name for one in waiting for name in graph.find_upstream_modules(one)} | waiting
        # Python imports the packages that hold a module, too, and what these import.
        upstream |= {".".join(name.split(".")[:depth]) for name in upstream for depth in range(1, name.count(".") + 1)}
        waiting = upstream - needed
    needed.discard("tasks.tracking.served_model")
    pack(tmp_path / "tasks.zip")
    assert needed - modules(tmp_path / "tasks.zip") == set()
    for name in PACKED:
        module = f"tasks.{name.replace('/', '.')}".removesuffix(".__init__")
        assert any(f"{one}.".startswith(f"{module}.") for one in needed), f"{name} is packed, and nothing imports it"


def test_the_same_code_is_the_same_bytes(tmp_path: Path) -> None:
    pack(tmp_path / "one.zip")
    pack(tmp_path / "two.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_the_lock_of_an_editor_is_not_packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "code" / "tasks"
    shutil.copytree(Path(served_code.__file__).parents[1], package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "columns" / ".#base.py").symlink_to("me@here.1234:5678")
    monkeypatch.setattr(served_code.tasks, "__file__", str(package / "__init__.py"))
    pack(tmp_path / "tasks.zip")
    assert not [name for name in modules(tmp_path / "tasks.zip") if "#" in name]


def test_python_imports_from_it_without_the_project(tmp_path: Path) -> None:
    pack(tmp_path / "tasks.zip")
    code = "import tasks.trainers, tasks.recipe.recipe, tasks.tracking.served_requests; print(tasks.__file__)"
    # Where the tool is installed to be edited, a finder of its own would give what the archive lacks.
    alone = "import sys; sys.meta_path[:] = [one for one in sys.meta_path if 'editable' not in repr(one)]; "
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "tasks.zip")}
    done = subprocess.run(
        [sys.executable, "-P", "-c", alone + code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.stdout.strip() == str(tmp_path / "tasks.zip" / "tasks" / "__init__.py"), done.stderr
