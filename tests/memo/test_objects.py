"""Objects of DVC's cache are hashed before they are believed: what is damaged is put aside, told, and made again."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.memo.chain import run_plain
from tasks.paths import STAGES, Project
from tests.projects import files_below, make_project

pytestmark = pytest.mark.chain


def write(content: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    """Other content under the same name and the same rights, by which DVC believes it."""

    def damage(file: Path) -> None:
        before = file.read_bytes()
        file.chmod(0o644)
        file.write_bytes(content(before))
        file.chmod(0o444)

    return damage


def put_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()
    (file / "something").write_text("")


def put_link(file: Path) -> None:
    file.unlink()
    file.symlink_to("/nope")


def put_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def put_writable(file: Path) -> None:
    file.chmod(0o644)
    file.write_bytes(b"\x00\xff")


DAMAGES: dict[str, Callable[[Path], None]] = {
    "cut": write(lambda content: content[: len(content) // 2]),
    "a bit": write(lambda content: content[:-1] + bytes([content[-1] ^ 1])),
    "emptied": write(lambda content: b""),
    "a list that names nothing": write(lambda content: b'[{"md5": 3}]'),
    "a folder": put_folder,
    "a link to nothing": put_link,
    "a pipe": put_pipe,
    "writable": put_writable,
}


@pytest.fixture(scope="module")
def trained_once(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Project:
    """A project in which `masses` ran to `train`, and nothing else."""
    project = make_project(tmp_path_factory.mktemp("trained"), store=empty_store)
    with contextlib.chdir(project.root):
        outcomes(project)
    return project


@pytest.fixture
def trained(trained_once: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A copy of it; it is the working directory."""
    shutil.copytree(trained_once.root, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return Project(root=tmp_path)


def outcomes(project: Project, last: str = "train") -> dict[str, str]:
    """By stage. What evaluate leaves is kept as all else is, and drawing its pictures takes as long as all before."""
    return {result.stage: result.outcome for result in run_plain(project, "masses", last=last)}


def left(project: Project) -> dict[str, bytes]:
    """Every file of the stages, and dvc.lock under no name."""
    folders = [project.root / name for name in ("data", "models", "reports")]
    return {**files_below(*folders), "": project.lock.read_bytes()}


def remove_outputs(project: Project) -> None:
    for name in ("data", "models", "reports"):
        shutil.rmtree(project.root / name)


def objects(project: Project) -> list[Path]:
    files = (project.root / ".dvc" / "cache" / "files" / "md5").rglob("*")
    return sorted(file for file in files if file.is_file() and file.stat().st_size)


@pytest.mark.long
@pytest.mark.parametrize(("damage", "last"), [("a bit", "evaluate"), *((damage, "train") for damage in DAMAGES)])
def test_every_object_damaged_in_every_way(
    trained: Project, damage: str, last: str, caplog: pytest.LogCaptureFixture
) -> None:
    outcomes(trained, last)
    before, names = left(trained), objects(trained)
    remove_outputs(trained)
    for file in names:
        DAMAGES[damage](file)
    caplog.clear()
    assert set(outcomes(trained, last)) == set(STAGES[: STAGES.index(last) + 1])
    assert left(trained) == before
    # All that was damaged is whole again: what was restored without a word would come from here.
    remove_outputs(trained)
    caplog.clear()
    assert outcomes(trained, last)[last] == "restored"
    assert left(trained) == before
    assert not caplog.records


def test_one_damaged_object_is_named_and_its_stage_alone_runs(
    trained: Project, caplog: pytest.LogCaptureFixture
) -> None:
    before = left(trained)
    model = next(file for file in objects(trained) if file.read_bytes() in model_files(trained))
    content = model.read_bytes()
    DAMAGES["a bit"](model)
    # What is not restored is not read.
    assert set(outcomes(trained).values()) == {"unchanged"}
    shutil.rmtree(trained.pipeline("masses").model)
    with caplog.at_level(logging.WARNING):
        assert {stage for stage, outcome in outcomes(trained).items() if outcome != "unchanged"} == {"train"}
    (line,) = [record.getMessage() for record in caplog.records if "DVC's cache" in record.getMessage()]
    aside = trained.root / ".dvc" / "cache" / "files" / "damaged" / f"{model.parent.name}{model.name}"
    assert str(model) in line
    assert str(aside) in line
    assert aside.read_bytes() != content
    assert model.read_bytes() == content
    assert left(trained) == before


def model_files(project: Project) -> set[bytes]:
    return {content for content in files_below(project.pipeline("masses").model).values() if len(content) > 1000}


@pytest.mark.parametrize("damage", ["emptied", "a folder", "a link to nothing", "a pipe", "writable"])
def test_damaged_entries_of_the_run_cache(trained: Project, damage: str) -> None:
    before = left(trained)
    entries = [file for file in (trained.root / ".dvc" / "cache" / "runs").rglob("*") if file.is_file()]
    for file in entries:
        DAMAGES[damage](file)
    remove_outputs(trained)
    trained.lock.unlink()
    assert set(outcomes(trained).values()) == {"ran"}
    after = left(trained)
    assert after.pop("") != b""
    assert after == {name: content for name, content in before.items() if name}
    remove_outputs(trained)
    trained.lock.unlink()
    assert outcomes(trained)["train"] == "restored"


def test_what_a_killed_process_was_writing_is_swept(project: Project) -> None:
    run_plain(project, "masses", last="ingest")
    objects = project.root / ".dvc" / "cache" / "files" / "md5"
    inside = next(path for path in objects.iterdir() if path.is_dir())
    for folder in (objects, inside):
        (folder / ".mpypQ7IQ-F1IZxFdRDCnlA.tmp").write_bytes(b"half")
    before = {path for path in objects.rglob("*") if not path.name.endswith(".tmp")}
    (project.root / "data" / "masses" / "dataset.json").unlink()
    run_plain(project, "masses", last="ingest")
    assert set(objects.rglob("*")) == before


def test_drafts_in_a_cache_that_others_share_are_left_alone(project: Project, tmp_path: Path) -> None:
    shared = tmp_path / "shared cache"
    with (project.root / ".dvc" / "config.local").open("a") as config:
        config.write(f"[cache]\n    dir = {shared}\n")
    run_plain(project, "masses", last="ingest")
    draft = shared / "files" / "md5" / ".mpypQ7IQ-F1IZxFdRDCnlA.tmp"
    draft.write_bytes(b"half")
    (project.root / "data" / "masses" / "dataset.json").unlink()
    run_plain(project, "masses", last="ingest")
    assert draft.exists()


def test_a_link_to_nothing_in_the_place_of_a_folder_of_the_run_cache(trained: Project) -> None:
    for folder in (trained.root / ".dvc" / "cache" / "runs").glob("*/*"):
        shutil.rmtree(folder)
        folder.symlink_to("/nope")
    remove_outputs(trained)
    trained.lock.unlink()
    assert set(outcomes(trained).values()) == {"ran"}
