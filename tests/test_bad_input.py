"""Whatever a user gets wrong ends with one message that says where, what and what to do: no traceback, nothing lost."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tasks.command.cli import main
from tasks.paths import Project
from tests.projects import draft_suites, files_below

pytestmark = pytest.mark.chain

Break = Callable[[Project], None]


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """The exit code and what stands on standard error; a traceback would fail the test as an exception."""
    capsys.readouterr()
    code = main(["run", *arguments, "--plain"])
    return code, capsys.readouterr().err


def edited(before: str, after: str) -> Break:
    """A change of params.yaml."""

    def change(project: Project) -> None:
        text = project.params.read_text()
        assert before in text
        project.params.write_text(text.replace(before, after, 1))

    return change


def params(content: bytes) -> Break:
    """Another params.yaml."""
    return lambda project: (project.params.write_bytes(content), None)[1]


def notes(content: bytes) -> Break:
    """Another notes.csv."""
    return lambda project: ((project.root / "notes.csv").write_bytes(content), None)[1]


def without_params(project: Project) -> None:
    project.params.unlink()


def without_source(project: Project) -> None:
    (project.root / "notes.csv").unlink()


def a_folder_as_source(project: Project) -> None:
    without_source(project)
    (project.root / "notes.csv").mkdir()


def a_truncated_parquet(project: Project) -> None:
    path = project.root / "notes.parquet"
    pl.read_csv(project.root / "notes.csv").write_parquet(path)
    path.write_bytes(path.read_bytes()[:-200])
    edited("path: notes.csv", "path: notes.parquet")(project)


def a_constant_target(project: Project) -> None:
    frame = pl.read_csv(project.root / "notes.csv").with_columns(kind=pl.lit("order"))
    frame.write_csv(project.root / "notes.csv")


def a_class_with_one_row(project: Project) -> None:
    with (project.root / "notes.csv").open("a") as file:
        file.write("who wrote this,3,red,riddle\n")
    draft_suites(project)


def a_suite_about_a_column_that_is_gone(project: Project) -> None:
    suite = project.pipeline("notes").suite
    suite.write_text(suite.read_text().replace('"size"', '"sizes"'))


def a_suite_that_is_no_json(project: Project) -> None:
    project.pipeline("notes").suite.write_text("{")


MISTAKES: dict[str, tuple[Break, str]] = {
    "params missing": (without_params, "params.yaml: there is no such file"),
    "params empty": (params(b""), "params.yaml: holds no pipelines"),
    "params no YAML": (params(b"pipelines: {\n  a: ]"), "params.yaml:2: not YAML"),
    "params no UTF-8": (params(b"pipelines: \xff"), "params.yaml: not UTF-8"),
    "unknown key": (edited("num_iterations", "num_iteratoins"), "masses.train.num_iteratoins is unknown; did you mean"),
    "wrong type": (edited("epochs: 2", "epochs: two"), "scans.train.epochs: input should be a valid integer"),
    "source missing": (without_source, "notes.csv: there is no such file"),
    "source a folder without files": (a_folder_as_source, "notes.csv"),
    "source empty": (notes(b""), "notes.csv"),
    "source with a header only": (notes(b"note,size,colour,kind\n"), "notes.csv"),
    "source truncated": (a_truncated_parquet, "notes.parquet"),
    "source ragged": (notes(b"note,size,colour,kind\na,1,red,x\nb,2\n"), "notes.csv"),
    "another encoding": (edited("path: notes.csv", "path: notes.csv, encoding: utf-16"), "notes.csv"),
    "no such encoding": (edited("path: notes.csv", "path: notes.csv, encoding: utf-9"), "utf-9"),
    "target absent": (edited("target: kind", "target: kinds"), "kinds; did you mean kind?"),
    "target constant": (a_constant_target, "kind"),
    "a class with one row": (a_class_with_one_row, "class 'riddle' of kind has one row only"),
    "a column of the suite is gone": (a_suite_about_a_column_that_is_gone, "sizes"),
    "a suite that is no JSON": (a_suite_that_is_no_json, "expectations/notes.json:1: not JSON"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_gets_one_message(project: Project, mistake: str, capsys: pytest.CaptureFixture[str]) -> None:
    break_it, said = MISTAKES[mistake]
    break_it(project)
    pipeline = {"unknown key": "masses", "wrong type": "scans"}.get(mistake, "notes")
    code, message = run(capsys, pipeline, "--to", "clean")
    assert code == 2
    assert message.startswith("error: ")
    assert message.count("error: ") == 1
    assert said in message
    assert not list(project.root.rglob(".*.tmp"))


def test_a_pipeline_that_does_not_exist(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    code, message = run(capsys, "mases")
    assert (code, "there is no pipeline mases; did you mean masses?" in message) == (2, True)


def test_one_of_several_pipelines_must_be_named(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    code, message = run(capsys)
    assert (code, "say which: scans, masses, notes" in message) == (2, True)


def test_a_gate_is_no_mistake(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    edited("roc_auc: {min: 0.8}", "roc_auc: {min: 0.9999}")(project)
    code, message = run(capsys, "masses")
    assert code == 3
    assert "roc_auc" in message
    verdict = json.loads(project.pipeline("masses").verdict.read_text())
    assert verdict["passed"] is False
    assert not project.pipeline("masses").registration.exists()


@pytest.mark.parametrize("stage", ["clean", "normalize", "train", "evaluate"])
def test_a_disk_that_fills_up(
    project: Project, stage: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {"clean": "split", "normalize": "clean", "train": "augment", "evaluate": "train"}[stage]
    assert run(capsys, "masses", "--to", before)[0] == 0
    kept = files_below(project.root / "data")

    def full(source: Path, target: Path) -> Path:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        code, message = run(capsys, "masses", "--from", stage, "--to", stage)
    assert code == 2
    assert "the disk is full; make room and run again" in message
    assert not list(project.root.rglob(".*.tmp"))
    after = files_below(project.root / "data")
    assert {name: content for name, content in after.items() if name in kept} == kept
    assert run(capsys, "masses", "--to", stage)[0] == 0
