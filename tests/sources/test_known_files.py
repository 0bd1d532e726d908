"""Files that stand as they stood are not opened again, and all that comes of it is as if they had been."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.errors import UserError
from tasks.params.sources import FolderSource
from tasks.sources import known_files
from tasks.sources.folder import Folder
from tasks.tables import storage
from tests.opened_files import LONG_AGO, watch
from tests.small_tables import place

FILES = {f"{label}/{number}.png": f"{label}{number}" for label in "abc" for number in range(4)}


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are opened, as that happens."""
    return watch(monkeypatch)


def write(root: Path, name: str, content: str) -> None:
    """Another content at another time: what a test writes may else stand as before, within a tick of the clock."""
    file = root / "photos" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    later = file.stat().st_mtime_ns + 10**9 if file.exists() else 10**18
    file.write_text(content)
    os.utime(file, ns=(later, later))


def photos(root: Path) -> Path:
    for name, content in FILES.items():
        write(root, name, content)
    return root


def source(root: Path, **more: Any) -> Folder:
    config = FolderSource(kind="folder", path="photos", **more)
    return Folder(config, replace(place(root), known_files=root / "known"))


def scratch(root: Path, **more: Any) -> Folder:
    """One that knows nothing."""
    return Folder(FolderSource(kind="folder", path="photos", **more), place(root))


def take(root: Path, **more: Any) -> tuple[str, pl.DataFrame]:
    """As a run does it: digest and rows, with what the last table held; the table is replaced by the new one."""
    rows = source(root, **more)
    rows.kept_parts.keep(root / "raw")
    shutil.rmtree(root / "raw", ignore_errors=True)
    parts = list(rows.parts())
    digest = rows.digest()
    storage.write_parts(root / "raw", parts)
    rows.kept_parts.remember(root / "raw")
    return digest, pl.concat(parts)


def is_as_from_scratch(root: Path, taken: tuple[str, pl.DataFrame], **more: Any) -> bool:
    rows = scratch(root, **more)
    return taken[0] == rows.digest() and taken[1].equals(pl.concat(rows.parts()))


def test_what_stands_as_it_stood_is_not_opened(tmp_path: Path, opened: list[str]) -> None:
    first = take(photos(tmp_path))
    assert sorted(opened) == sorted(FILES)
    opened.clear()
    again = take(tmp_path)
    assert opened == []
    assert (again[0], again[1].rows()) == (first[0], first[1].rows())
    assert source(tmp_path).digest() == first[0]
    assert opened == []
    assert is_as_from_scratch(tmp_path, again)


def rename(root: Path) -> None:
    (root / "photos/b/1.png").rename(root / "photos/b/9.png")


def replace_by_one_of_the_same_size_and_time(root: Path) -> None:
    file, other = root / "photos/b/1.png", root / "other"
    other.write_text("XX")
    os.utime(other, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns))
    other.rename(file)


def write_in_place_and_put_the_time_back(root: Path) -> None:
    file = root / "photos/b/1.png"
    before = file.stat()
    # Until the clock has gone on: what is noted of the change itself cannot be put back.
    while file.stat().st_ctime_ns == before.st_ctime_ns:
        file.write_text("XX")
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def link_to_another(root: Path) -> None:
    (root / "photos/b/1.png").unlink()
    (root / "photos/b/1.png").symlink_to(root / "photos/c/1.png")


CHANGES: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "a new file": (lambda root: write(root, "b/00.png", "new"), ["b/00.png"]),
    "a new file before all": (lambda root: write(root, "a/-.png", "new"), ["a/-.png"]),
    "a new file behind all": (lambda root: write(root, "c/~.png", "new"), ["c/~.png"]),
    "a new class": (lambda root: write(root, "ab/0.png", "new"), ["ab/0.png"]),
    "a changed file": (lambda root: write(root, "b/1.png", "other"), ["b/1.png"]),
    "a changed file of the same size": (lambda root: write(root, "b/1.png", "XX"), ["b/1.png"]),
    "an emptied file": (lambda root: write(root, "b/1.png", ""), ["b/1.png"]),
    "a file that was only touched": (lambda root: write(root, "b/1.png", "b1"), ["b/1.png"]),
    "a removed file": (lambda root: (root / "photos/b/1.png").unlink(), []),
    "the last file removed": (lambda root: (root / "photos/c/3.png").unlink(), []),
    "a renamed file": (rename, ["b/9.png"]),
    "another of the same size and time": (replace_by_one_of_the_same_size_and_time, ["b/1.png"]),
    "the time put back": (write_in_place_and_put_the_time_back, ["b/1.png"]),
    "a link in its place": (link_to_another, ["b/1.png"]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_of_a_change_that_file_alone_is_opened(tmp_path: Path, opened: list[str], change: str) -> None:
    take(photos(tmp_path))
    act, expected = CHANGES[change]
    act(tmp_path)
    opened.clear()
    # As the chain asks first whether there is news, and then takes the rows.
    digest = source(tmp_path).digest()
    taken = take(tmp_path)
    assert digest == taken[0]
    # Once for its digest, and once for the row, unless that is known to be the old one.
    assert {*opened} == {*expected}
    assert len(opened) <= 2
    assert is_as_from_scratch(tmp_path, taken)
    opened.clear()
    assert source(tmp_path).digest() == digest
    assert opened == []


def test_a_link_counts_as_the_file_it_leads_to(tmp_path: Path, opened: list[str]) -> None:
    photos(tmp_path)
    (tmp_path / "far.png").write_text("one")
    (tmp_path / "photos/a/link.png").symlink_to(tmp_path / "far.png")
    first = take(tmp_path)
    opened.clear()
    assert take(tmp_path)[0] == first[0]
    assert opened == []
    (tmp_path / "far.png").write_text("another")
    changed = take(tmp_path)
    assert opened == ["a/link.png"]
    assert is_as_from_scratch(tmp_path, changed)


def test_a_file_that_was_just_written_is_opened_again(tmp_path: Path, opened: list[str], monkeypatch: Any) -> None:
    monkeypatch.setattr(known_files, "TIME_STEP", -LONG_AGO)
    first = take(photos(tmp_path))
    opened.clear()
    assert take(tmp_path)[0] == first[0]
    assert sorted(opened) == sorted(FILES)


def test_files_of_all_parts_are_known(tmp_path: Path, opened: list[str]) -> None:
    photos(tmp_path)
    write(tmp_path, "../later/a/0.png", "later")
    write(tmp_path, "../between/b/0.png", "between")
    more = {"test_path": "later", "validation_path": "between"}
    first = take(tmp_path, **more)
    write(tmp_path, "../later/a/1.png", "later still")
    opened.clear()
    taken = take(tmp_path, **more)
    assert opened == ["a/1.png"]
    assert first[0] != taken[0]
    assert is_as_from_scratch(tmp_path, taken, **more)


def test_what_was_kept_of_other_settings_does_no_harm(tmp_path: Path, opened: list[str]) -> None:
    write(photos(tmp_path), "../later/a/0.png", "later")
    take(tmp_path)
    assert is_as_from_scratch(tmp_path, take(tmp_path, test_path="later"), test_path="later")
    assert is_as_from_scratch(tmp_path, take(tmp_path, pattern=r"(?P<x>\d)"), pattern=r"(?P<x>\d)")


def test_the_file_of_labels_is_read_each_time(tmp_path: Path, opened: list[str]) -> None:
    photos(tmp_path)
    (tmp_path / "labels.csv").write_text("file,kind\na/1.png,x\n")
    first = take(tmp_path, labels="labels.csv")
    (tmp_path / "labels.csv").write_text("file,kind\na/1.png,y\n")
    opened.clear()
    taken = take(tmp_path, labels="labels.csv")
    assert opened == ["labels.csv"]
    assert first[0] != taken[0]
    assert is_as_from_scratch(tmp_path, taken, labels="labels.csv")


def cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def folder_in_its_place(file: Path) -> None:
    file.unlink()
    (file / "in it").mkdir(parents=True)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "cut short": cut_short,
    "empty": lambda file: file.write_bytes(b""),
    "no text": lambda file: file.write_bytes(bytes(range(256))),
    "another digest": lambda file: file.write_text(file.read_text().replace(known_files._digest(b"b1"), "0" * 64)),
    "another form": lambda file: file.write_text("[]"),
    "gone": lambda file: file.unlink(),
    "a folder": folder_in_its_place,
    "a file for the folder": lambda file: (shutil.rmtree(file.parent), file.parent.write_text("")),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_list_is_made_again(tmp_path: Path, opened: list[str], damage: str) -> None:
    first = take(photos(tmp_path))
    DAMAGES[damage](tmp_path / "known" / "known.json")
    opened.clear()
    assert source(tmp_path).digest() == first[0]
    assert sorted(opened) == sorted(FILES)
    opened.clear()
    assert source(tmp_path).digest() == first[0]
    assert opened == []


def test_a_damaged_table_is_as_good_as_none(tmp_path: Path, opened: list[str]) -> None:
    first = take(photos(tmp_path))
    whole = (tmp_path / "raw" / "part-00000.parquet").read_bytes()
    for at in range(0, len(whole), 7):
        for damaged in (whole[:at], whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :]):
            (tmp_path / "raw" / "part-00000.parquet").write_bytes(damaged)
            again = take(tmp_path)
            assert (again[0], again[1].rows()) == (first[0], first[1].rows()), at


def test_a_table_of_other_rows_is_as_good_as_none(tmp_path: Path, opened: list[str]) -> None:
    first = take(photos(tmp_path))
    rows = first[1]
    others = [
        rows.reverse(),
        rows.with_columns(image=pl.lit(b"forged")),
        rows.with_columns(image=pl.lit(None, pl.Binary)),
        rows.with_columns(file=pl.lit(None, pl.String)),
        rows.with_columns(image=pl.lit("text")),
        rows.drop("image"),
        rows.clear(),
        rows.sample(fraction=0.5, seed=0),
    ]
    for other in others:
        storage.write_parts(tmp_path / "raw", [other])
        again = take(tmp_path)
        assert (again[0], again[1].rows()) == (first[0], first[1].rows())


def test_without_links_files_are_read(tmp_path: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    first = take(photos(tmp_path))

    def no_links(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "hardlink_to", no_links)
    opened.clear()
    assert take(tmp_path)[0] == first[0]
    assert sorted(opened) == sorted(FILES)


def test_a_table_is_kept_by_links_and_let_go(tmp_path: Path, opened: list[str]) -> None:
    take(photos(tmp_path))
    rows = source(tmp_path)
    rows.kept_parts.keep(tmp_path / "raw")
    [part] = (tmp_path / "raw").iterdir()
    assert (tmp_path / "known" / "rows" / part.name).samefile(part)
    # After a run that was killed: the table is gone, and what was kept of it is still of use.
    shutil.rmtree(tmp_path / "raw")
    opened.clear()
    taken = take(tmp_path)
    assert opened == []
    assert is_as_from_scratch(tmp_path, taken)
    assert [path.name for path in (tmp_path / "known").iterdir()] == ["known.json"]


def test_a_file_that_goes_away_meanwhile_is_named(tmp_path: Path, opened: list[str]) -> None:
    take(photos(tmp_path))
    write(tmp_path, "b/1.png", "changed")
    rows = source(tmp_path)
    assert rows.types
    (tmp_path / "photos/b/1.png").unlink()
    with pytest.raises(UserError, match=r"photos/b/1.png: the file went away while it was read; run again"):
        rows.digest()


def test_a_file_that_changes_meanwhile_is_news_to_the_next_run(tmp_path: Path, opened: list[str]) -> None:
    take(photos(tmp_path))
    write(tmp_path, "b/1.png", "second")
    rows = source(tmp_path)
    # Listed by now, and not read.
    assert rows.types
    write(tmp_path, "b/1.png", "third")
    taken = pl.concat(rows.parts()), rows.digest()
    assert dict(taken[0].select("file", "image").rows())["b/1.png"] == b"third"
    write(tmp_path, "b/1.png", "fourth")
    assert is_as_from_scratch(tmp_path, take(tmp_path))


EDITS = st.lists(
    st.tuples(st.sampled_from(["write", "remove", "touch"]), st.sampled_from(["a", "b"]), st.integers(0, 5)),
    max_size=8,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(runs=st.lists(EDITS, min_size=1, max_size=4))
def test_after_any_edits_all_is_as_from_scratch(
    tmp_path_factory: pytest.TempPathFactory, opened: list[str], runs: list[list[tuple[str, str, int]]]
) -> None:
    root = tmp_path_factory.mktemp("edits")
    write(root, "a/first.png", "first")
    for number, edits in enumerate(runs):
        for act, folder, name in edits:
            file = root / "photos" / folder / f"{name}.png"
            if act == "write":
                write(root, f"{folder}/{name}.png", f"{number}-{name}")
            elif act == "touch" and file.exists():
                write(root, f"{folder}/{name}.png", file.read_text())
            elif act == "remove":
                file.unlink(missing_ok=True)
        assert is_as_from_scratch(root, take(root))
