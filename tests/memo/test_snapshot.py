"""While nothing stands differently, DVC need not be asked again; whatever changes, it is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.memo import snapshot
from tasks.memo.chain import StageRunner, run_plain
from tasks.paths import Project

pytestmark = pytest.mark.chain


def outcomes(project: Project) -> list[str]:
    return [result.outcome for result in run_plain(project, "notes")]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Project:
    """A project in which `notes` has run, for each test to copy."""
    from tests.projects import make_project

    project = make_project(tmp_path_factory.mktemp("done"), store=empty_store)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project.root)
        outcomes(project)
    return project


def append(path: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        with (root / path).open("a") as file:
            file.write("\n")

    return change


def spoil(content: str | None) -> Callable[[Path], None]:
    """Puts this in the place of the snapshot; None: a folder."""

    def change(root: Path) -> None:
        path = root / ".dvc" / "tmp" / "modelwright" / "notes.json"
        path.unlink()
        if content is None:
            path.mkdir()
        else:
            path.write_text(content)

    return change


def spoil_folder(root: Path) -> None:
    folder = root / ".dvc" / "tmp" / "modelwright"
    shutil.rmtree(folder)
    folder.touch()


CHANGES: dict[str, Callable[[Path], None]] = {
    "a parameter": append("params.yaml"),
    "a stage's code": append("tasks/clean.py"),
    "code below a folder": append("tasks/columns/text/column.py"),
    "what stands for code": append(".modelwright/code/tasks/clean.py"),
    "the suite": append("expectations/notes.json"),
    "the source": append("notes.csv"),
    "the lock": append("dvc.lock"),
    "DVC's settings": append(".dvc/config"),
    "an output": append("reports/notes/report.html"),
    "a new file in an output": lambda root: (root / "models" / "notes" / "extra").write_text("") and None,
    "a missing output": lambda root: shutil.rmtree(root / "data" / "notes" / "clean"),
    "the cache": lambda root: shutil.rmtree(root / ".dvc" / "cache"),
    **{f"the snapshot: {content}": spoil(content) for content in ("", "{", "[1]", "{}", '{"roots": 3}')},
    "the snapshot: numbers for paths": spoil('{"roots": [1, 2], "entries": {}, "cache": "/tmp"}'),
    "the snapshot: a path that cannot be": spoil('{"roots": ["\\u0000"], "entries": {}, "cache": "/tmp"}'),
    "the snapshot: brackets in brackets": spoil("[" * 100_000),
    "a folder in the snapshot's place": spoil(None),
    "a file in the place of the snapshots' folder": spoil_folder,
}


def test_after_a_run_the_snapshot_holds_and_nothing_is_asked(done: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    assert snapshot.holds(done.pipeline("notes"))
    monkeypatch.delattr("tasks.memo.chain._MemoizedStages.perform")
    assert set(outcomes(done)) == {"unchanged"}
    assert not any(StageRunner(done, "notes").out_of_date().values())


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_changes_it_does_not_hold(done: Project, change: str) -> None:
    assert snapshot.holds(done.pipeline("notes"))
    saved = done.root.with_name("saved")
    shutil.copytree(done.root, saved, copy_function=shutil.copy2)
    try:
        CHANGES[change](done.root)
        paths = done.pipeline("notes")
        assert not snapshot.holds(paths)
        assert snapshot.is_damaged(paths) == ("snapshot" in change)
        snapshot.remember(paths, [], {}, done.root)
        assert not snapshot.is_damaged(paths)
    finally:
        shutil.rmtree(done.root)
        saved.rename(done.root)
        paths = done.pipeline("notes")
        content = json.loads(paths.snapshot.read_text())
        snapshot.remember(
            paths, content["roots"], snapshot.take(paths.project.root, content["roots"]), Path(content["cache"])
        )


def test_what_python_leaves_beside_code_is_no_change(done: Project) -> None:
    (done.root / "tasks" / "__pycache__").mkdir(exist_ok=True)
    (done.root / "tasks" / "__pycache__" / "new.pyc").write_text("")
    assert snapshot.holds(done.pipeline("notes"))


def test_an_edit_while_stages_run_is_seen_by_the_next_run(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks import evaluate

    original = evaluate.run

    def run_and_edit(config, paths):
        with (project.root / "tasks" / "clean.py").open("a") as code:
            code.write("EDITED = 1\n")
        return original(config, paths)

    monkeypatch.setattr(evaluate, "run", run_and_edit)
    assert set(outcomes(project)) == {"ran"}
    assert not snapshot.holds(project.pipeline("notes"))
    assert StageRunner(project, "notes").out_of_date()["clean"] == ("tasks/clean.py changed",)
