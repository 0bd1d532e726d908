"""A table of files that is written part by part is, byte for byte, the one that is written from nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks import ingest
from tasks.ingestion import code_digest, stretches
from tasks.params.ingest import Ingest
from tasks.paths import Project
from tasks.sources import source
from tasks.sources.base import Place
from tasks.tables import storage
from tasks.tables.origins import UnreadCell, read_origins
from tasks.tables.storage import TableWriter
from tests.opened_files import watch
from tests.projects import files_below
from tests.small_tables import image

NUM_FILES = 150
NAMES = [f"{'ab'[number % 2]}/{number:03d}.png" for number in range(NUM_FILES)]


@pytest.fixture(autouse=True)
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are opened; all have been left alone for long."""
    return watch(monkeypatch)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Photos of two classes, in a dozen parts, that ingest took in once."""
    for number, name in enumerate(NAMES):
        add(tmp_path, name, number)
    take(tmp_path)
    assert 8 < len(storage.part_files(raw(tmp_path))) < 40
    return tmp_path


def add(root: Path, name: str, shade: int) -> None:
    file = root / "photos" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    # As another file: one that is written in place within a tick of the clock may stand as before.
    file.unlink(missing_ok=True)
    file.write_bytes(image([[shade, 200]] * (1 + shade % 3)))


def settings(**more: Any) -> Ingest:
    given = {"source": {"kind": "folder", "path": "photos"}, "target": "label", "rows_per_part": 50}
    return Ingest.model_validate(given | more)


def raw(root: Path) -> Path:
    return Project(root=root).pipeline("p").raw


def take(root: Path, **more: Any) -> dict[str, bytes]:
    """As a run does it: what the last table held is kept, and the table removed. Returns all that is there then."""
    paths, config = Project(root=root).pipeline("p"), settings(**more)
    place = Place(root=root, downloads=root / "downloads", known_files=paths.known_files)
    rows = source(config.source, place)
    rows.kept_parts.keep(paths.raw)
    shutil.rmtree(paths.raw, ignore_errors=True)
    ingest.take_in(rows, config, paths)
    return {**files_below(paths.raw), "dataset.json": paths.dataset.read_bytes()}


def from_nothing(root: Path, **more: Any) -> dict[str, bytes]:
    paths = Project(root=root).pipeline("fresh")
    config = settings(**more)
    ingest.take_in(source(config.source, Place(root=root, downloads=root / "downloads")), config, paths)
    return {**files_below(paths.raw), "dataset.json": paths.dataset.read_bytes()}


def inodes(root: Path) -> set[int]:
    return {part.stat().st_ino for part in storage.part_files(raw(root))}


def rename(root: Path, old: str, new: str) -> None:
    (root / "photos" / old).rename(root / "photos" / new)


def remove(root: Path, name: str) -> None:
    (root / "photos" / name).unlink()


CHANGES: dict[str, Callable[[Path], object]] = {
    "new, the first": lambda root: add(root, "a/-.png", 200),
    "new, in the middle": lambda root: add(root, "a/099-1.png", 200),
    "new, the last": lambda root: add(root, "b/~.png", 200),
    "changed, the first": lambda root: add(root, "a/000.png", 200),
    "changed, in the middle": lambda root: add(root, "b/035.png", 200),
    "changed, the last": lambda root: add(root, "b/149.png", 200),
    "deleted, the first": lambda root: remove(root, "a/000.png"),
    "deleted, in the middle": lambda root: remove(root, "a/098.png"),
    "deleted, the last": lambda root: remove(root, "b/149.png"),
    "renamed, beside itself": lambda root: rename(root, "a/098.png", "a/098-1.png"),
    "renamed, from the first to the last": lambda root: rename(root, "a/000.png", "b/~.png"),
    "renamed, from the last to the middle": lambda root: rename(root, "b/149.png", "a/099-1.png"),
    "a class": lambda root: rename(root, "a", "ab"),
    "many": lambda root: [add(root, f"b/{number:03d}.png", number + 1) for number in range(1, 150, 4)],
}
WHOLE = ("a class", "many")
"""Changes of many files."""


@pytest.mark.parametrize("change", CHANGES)
def test_after_a_change_the_table_is_as_from_nothing(root: Path, opened: list[str], change: str) -> None:
    before, names = inodes(root), {file.name for file in storage.part_files(raw(root))}
    CHANGES[change](root)
    opened.clear()
    content = take(root)
    assert content == from_nothing(root)
    if change not in WHOLE:
        # Of a renamed file two parts change, and each may end elsewhere.
        assert len(inodes(root) - before) <= 3
        assert len(before - inodes(root)) <= 3
        assert len({file.name for file in storage.part_files(raw(root))} ^ names) <= 1
    # And what is remembered of the new table holds, too.
    before = inodes(root)
    assert take(root) == content
    assert inodes(root) == before


def test_only_rows_of_the_changed_part_are_read(root: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    typed: list[int] = []
    made = stretches._typed
    monkeypatch.setattr(stretches, "_typed", lambda typing, rows: typed.append(rows.num_rows) or made(typing, rows))
    add(root, "a/099-1.png", 200)
    opened.clear()
    take(root)
    assert len(typed) == 1
    assert {*opened} == {"a/099-1.png"}


def test_of_another_reading_nothing_is_taken_over(root: Path) -> None:
    before = inodes(root)
    for more in ({"source": folder(pattern=r"(?P<label>\w)/(?P<number>\d+)")}, {"rows_per_part": 40}):
        assert take(root, **more) == from_nothing(root, **more)
        assert not inodes(root) & before
        before = inodes(root)


def folder(**more: Any) -> dict[str, Any]:
    return {"kind": "folder", "path": "photos", **more}


def test_another_role_changes_no_part(root: Path) -> None:
    before, more = inodes(root), {"columns": {"file": {"role": "group"}}}
    assert take(root, **more) == from_nothing(root, **more)
    assert inodes(root) == before


def test_other_code_takes_nothing_over(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = inodes(root)
    code_digest.code_digest.cache_clear()
    monkeypatch.setattr(code_digest, "folder_digest", lambda *_: "another")
    content = take(root)
    code_digest.code_digest.cache_clear()
    assert content == from_nothing(root)
    assert not inodes(root) & before


def test_another_label_is_another_row(root: Path) -> None:
    labels = root / "labels.csv"
    labels.write_text("file,kind\n" + "".join(f"{name},{'xyz'[number % 3]}\n" for number, name in enumerate(NAMES)))
    more = {"source": folder(labels="labels.csv"), "target": "kind"}
    take(root, **more)
    before = inodes(root)
    labels.write_text(labels.read_text().replace("a/098.png,z", "a/098.png,x"))
    assert take(root, **more) == from_nothing(root, **more)
    assert len(inodes(root) - before) == 1


def test_types_are_those_of_all_parts(root: Path) -> None:
    """Of whole numbers that a later file makes text, all parts have text; without it, numbers again."""
    more = {"source": folder(pattern=r"(?P<label>\w)/0*(?P<n>[^/]+)\.png")}
    take(root, **more)
    assert storage.read_table(raw(root)).schema["n"] == pl.Float64
    add(root, "b/word.png", 200)
    assert take(root, **more) == from_nothing(root, **more)
    assert storage.read_table(raw(root)).schema["n"] == pl.String
    remove(root, "b/word.png")
    assert take(root, **more) == from_nothing(root, **more)
    assert storage.read_table(raw(root)).schema["n"] == pl.Float64


def test_cells_that_cannot_be_read_are_told_of_parts_that_are_taken_over(root: Path) -> None:
    more = {
        "source": folder(pattern=r"(?P<label>\w)/(?P<n>[^/]+)\.png"),
        "columns": {"n": {"type": "number"}},
    }
    add(root, "a/word.png", 200)
    take(root, **more)
    before = inodes(root)
    add(root, "a/-.png", 201)
    assert take(root, **more) == from_nothing(root, **more)
    assert inodes(root) & before
    cells = [cell for part in storage.part_files(raw(root)) for cell in _origins(part)]
    assert [(cell.column, cell.cell) for cell in cells] == [("n", "-"), ("n", "word")]


def _origins(part: Path) -> tuple[UnreadCell, ...]:
    origins = read_origins(part)
    assert origins is not None
    return origins.unread


def test_rows_stand_in_the_folder_by_their_numbers(root: Path) -> None:
    add(root, "a/-.png", 200)
    take(root)
    number = 1
    for part in storage.part_files(raw(root)):
        origins = read_origins(part)
        assert origins is not None
        assert origins.place(0) == f"photos, row {number}"
        number += storage.count_part(part)


def test_parts_of_test_rows_are_kept_apart(root: Path) -> None:
    shutil.copytree(root / "photos", root / "later")
    for number, file in enumerate(sorted((root / "later").rglob("*.png"))):
        file.write_bytes(image([[number, 100]]))
    more = {"source": folder(test_path="later")}
    take(root, **more)
    before = inodes(root)
    (root / "later/a/098.png").unlink()
    add(root, "../later/a/098.png", 200)
    assert take(root, **more) == from_nothing(root, **more)
    assert len(inodes(root) - before) == 1
    splits = [storage.read_part(part, ["split"])["split"].n_unique() for part in storage.part_files(raw(root))]
    assert {*splits} == {1}


def test_an_edited_part_is_made_again(root: Path) -> None:
    part = storage.part_files(raw(root))[2]
    content = part.read_bytes()
    part.unlink()
    part.write_bytes(content[:-200] + bytes(200))
    assert take(root) == from_nothing(root)


def test_without_links_the_table_is_made_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "hardlink_to", no_links)
    add(root, "a/099-1.png", 200)
    assert take(root) == from_nothing(root)


def test_links_across_disks_are_copies(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hardlink_to = Path.hardlink_to

    def only_aside(self: Path, target: Path) -> None:
        if self.parent.parent.name == "p" and self.parent.name.startswith(".raw."):
            raise OSError
        hardlink_to(self, target)

    monkeypatch.setattr(Path, "hardlink_to", only_aside)
    add(root, "a/099-1.png", 200)
    assert take(root) == from_nothing(root)


@pytest.mark.parametrize("act", ["append", "take_over"])
def test_a_run_that_is_cut_off_leaves_no_table_and_loses_nothing(root: Path, opened: list[str], act: str) -> None:
    for number in range(0, 150, 40):
        add(root, f"{'ab'[number % 2]}/{number:03d}-1.png", number + 1)
    write, calls = getattr(TableWriter, act), list[object]()

    def interrupted(*given: Any) -> None:
        calls.append(given)
        if len(calls) == 3:
            raise KeyboardInterrupt
        write(*given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TableWriter, act, interrupted)
        with pytest.raises(KeyboardInterrupt):
            take(root)
    assert not raw(root).exists()
    before = {part.stat().st_ino for part in (Project(root=root).pipeline("p").known_files / "rows").iterdir()}
    opened.clear()
    assert take(root) == from_nothing(root)
    assert inodes(root) & before


def test_what_is_packed_is_cut_by_its_rows(root: Path) -> None:
    shutil.make_archive(str(root / "packed"), "zip", root / "photos")
    more = {"source": folder() | {"path": "packed.zip"}}
    assert take(root, **more) == from_nothing(root, **more)
    assert [storage.count_part(part) for part in storage.part_files(raw(root))] == [50, 50, 50]
