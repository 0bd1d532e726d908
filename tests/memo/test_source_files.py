"""A run after one new file opens that file alone, and leaves what a run on all of them leaves."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.memo.chain import StageRunner, run_plain
from tasks.paths import Project
from tasks.sources import folder
from tasks.tables.storage import TableWriter
from tests.opened_files import watch
from tests.projects import files_below, lock_entries, make_project
from tests.small_tables import image

pytestmark = pytest.mark.chain

PARAMS = """\
pipelines:
  photos:
    ingest: {source: {kind: folder, path: photos}, target: label, rows_per_part: 5}
    validate: {}
    clean: {}
    split: {}
    normalize: {}
    augment: {}
    train: {kind: lightgbm}
    evaluate: {}
    register: {metric: accuracy}
"""


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are opened; all have been left alone for long."""
    return watch(monkeypatch)


@pytest.fixture(params=["copy", "hardlink", "symlink"])
def project(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """One in which the first run has ended; DVC puts its files there by copies or by links."""
    project = made(tmp_path / "one")
    with (project.root / ".dvc" / "config").open("a") as file:
        file.write(f"[cache]\n    type = {request.param}\n")
    monkeypatch.chdir(project.root)
    assert outcome(project) == ("ran", ("never ran",))
    yield project
    # Whatever happened, nothing that takes room is left.
    known = project.pipeline("photos").known_files
    assert sorted(path.name for path in known.iterdir()) == ["known.json", "parts.json"]


def made(root: Path) -> Project:
    root.mkdir()
    for number in range(12):
        add(root, f"{'ab'[number % 2]}/{number:02}.png", number)
    return make_project(root, PARAMS)


def add(root: Path, name: str, shade: int) -> None:
    file = root / "photos" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(image([[shade, 200]]))


def outcome(project: Project) -> tuple[str, tuple[str, ...]]:
    [result] = run_plain(project, "photos", last="ingest")
    return result.outcome, result.why


def left(project: Project) -> dict[str, object]:
    """What the run left, and what a run on the same files leaves where there was none before."""
    return {**files_below(project.root / "data"), "": lock_entries(project.root)["ingest@photos"]}


def from_scratch(project: Project, root: Path) -> dict[str, object]:
    fresh = make_project(root, PARAMS)
    shutil.copytree(project.root / "photos", fresh.root / "photos")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(fresh.root)
        assert outcome(fresh)[0] == "ran"
    return left(fresh)


def test_one_new_file_is_opened_alone(project: Project, opened: list[str], tmp_path: Path) -> None:
    # What was written just before the first run has to be looked at once more.
    assert outcome(project) == ("unchanged", ())
    opened.clear()
    assert outcome(project) == ("unchanged", ())
    assert opened == []
    add(project.root, "a/00-new.png", 77)
    assert outcome(project) == ("ran", ("the source changed",))
    assert {*opened} == {"a/00-new.png"}
    assert left(project) == from_scratch(project, tmp_path / "fresh")


def test_after_a_run_that_was_cut_off_nothing_is_missing(
    project: Project, opened: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome(project)
    add(project.root, "a/00-new.png", 77)
    append = TableWriter.append
    monkeypatch.setattr(TableWriter, "append", cut_off)
    with pytest.raises(KeyboardInterrupt):
        outcome(project)
    monkeypatch.setattr(TableWriter, "append", append)
    assert not project.pipeline("photos").raw.exists()
    opened.clear()
    assert outcome(project)[0] == "ran"
    # Not even the old ones, though the table that they were in is gone.
    assert {*opened} <= {"a/00-new.png"}
    assert left(project) == from_scratch(project, tmp_path / "fresh")


def cut_off(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_source_with_news_is_listed_once(
    project: Project, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome(project)
    listings: list[object] = []
    files_by_split = folder.files_by_split
    monkeypatch.setattr(folder, "files_by_split", lambda *given: listings.append(given) or files_by_split(*given))
    add(project.root, "b/00-new.png", 77)
    assert outcome(project)[0] == "ran"
    assert len(listings) == 1


def test_an_edited_table_is_made_again(project: Project, opened: list[str], tmp_path: Path) -> None:
    part = project.pipeline("photos").raw / "part-00001.parquet"
    content = part.read_bytes()
    # As an editor does, which writes aside and renames.
    part.unlink()
    part.write_bytes(content[: len(content) // 2] + content[: len(content) // 2])
    add(project.root, "b/00-new.png", 77)
    assert outcome(project)[0] == "ran"
    assert left(project) == from_scratch(project, tmp_path / "fresh")


def test_a_forced_run_opens_all(project: Project, opened: list[str]) -> None:
    outcome(project)
    before = left(project)
    opened.clear()
    run_plain(project, "photos", last="ingest", force=True)
    assert len({*opened}) == 12
    assert left(project) == before


def test_a_source_that_comes_back_is_known(project: Project, opened: list[str]) -> None:
    outcome(project)
    before = left(project)
    (project.root / "photos").rename(project.root / "away")
    assert outcome(project) == ("unchanged", ("the source is not there",))
    (project.root / "away").rename(project.root / "photos")
    opened.clear()
    assert not StageRunner(project, "photos").out_of_date()["ingest"]
    assert outcome(project) == ("unchanged", ())
    assert opened == []
    assert left(project) == before
