"""Which files lie below a folder or match a glob, under which names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tasks.errors import UserError
from tasks.params.sources import FolderSource
from tasks.sources.tree import files_below, files_by_split


def written(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


def listed(root: Path, location: str) -> list[tuple[str, str, str]]:
    return [(entry.name, entry.shown, entry.open().read().decode()) for entry in files_below(root, location)]


def test_names_begin_below_the_folder_and_are_sorted_as_a_whole(tmp_path: Path) -> None:
    written(tmp_path, "in/b/2.png", "in/a/x/1.png", "in/a-/3.png", "in/.old/4.png", "in/a/_5.png")
    names = ["a-/3.png", "a/x/1.png", "b/2.png"]
    expected = [(name, f"in/{name}", f"in/{name}") for name in names]
    assert listed(tmp_path, "in") == listed(tmp_path, "in/**/*.png") == listed(tmp_path, "./in/") == expected
    elsewhere = [(name, f"{tmp_path}/in/{name}", f"in/{name}") for name in names]
    assert listed(tmp_path / "project", str(tmp_path / "in")) == elsewhere


def test_names_are_the_same_from_the_folder_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(written(tmp_path, "a/1.png"))
    assert listed(Path(), ".") == listed(Path(), "./") == [("a/1.png", "a/1.png", "a/1.png")]
    assert listed(Path(), "a") == [("1.png", "a/1.png", "a/1.png")]


def test_links_are_followed(tmp_path: Path) -> None:
    written(tmp_path, "far/one.png", "far/deep/two.png", "in/a/0.png")
    (tmp_path / "in/a/1.png").symlink_to(tmp_path / "far/one.png")
    (tmp_path / "in/b").symlink_to(tmp_path / "far")
    # Twice is no circle.
    (tmp_path / "in/c").symlink_to(tmp_path / "far")
    names = ["a/0.png", "a/1.png", "b/deep/two.png", "b/one.png", "c/deep/two.png", "c/one.png"]
    assert [name for name, _, _ in listed(tmp_path, "in")] == names


def test_links_that_lead_nowhere_or_back_are_refused(tmp_path: Path) -> None:
    written(tmp_path, "in/a/0.png", "round/a/0.png", "itself/a/0.png")
    (tmp_path / "in/a/1.png").symlink_to(tmp_path / "gone.png")
    (tmp_path / "round/a/b").symlink_to(tmp_path / "round")
    (tmp_path / "itself/a/1.png").symlink_to("1.png")
    with pytest.raises(UserError, match=r"in/a/1.png: neither a file nor a folder, or a link that leads nowhere"):
        files_below(tmp_path, "in")
    with pytest.raises(UserError, match=r"round/a/b: this link leads back to a folder it lies in"):
        files_below(tmp_path, "round")
    with pytest.raises(UserError, match=r"itself/a/1.png: neither a file nor a folder"):
        files_below(tmp_path, "itself")


def test_pipes_are_refused(tmp_path: Path) -> None:
    os.mkfifo(written(tmp_path, "in/a/0.png") / "in/a/1.png")
    with pytest.raises(UserError, match=r"in/a/1.png: neither a file nor a folder"):
        files_below(tmp_path, "in")


def test_a_name_that_is_no_utf_8_is_readable_and_its_file_is_read(tmp_path: Path) -> None:
    written(tmp_path, "in/é.png")
    Path(os.fsdecode(bytes(tmp_path / "in") + b"/\xff.png")).write_text("odd")
    assert listed(tmp_path, "in") == [("é.png", "in/é.png", "in/é.png"), ("�.png", "in/�.png", "odd")]


def test_a_file_in_two_settings_is_found_through_links(tmp_path: Path) -> None:
    written(tmp_path, "photos/a/1.png", "photos/a/2.png", "later/a/3.png")

    def split(**more: str) -> dict[str, list[str]]:
        groups = files_by_split(tmp_path, FolderSource(kind="folder", path="photos", **more))
        return {name: [entry.name for entry in files] for name, files in groups.items()}

    assert split(test_path="later") == {"train": ["a/1.png", "a/2.png"], "test": ["a/3.png"]}
    (tmp_path / "again").symlink_to(tmp_path / "photos" / "a")
    with pytest.raises(UserError, match=r"again/1.png: lies in path and in test_path"):
        split(test_path="again")
    (tmp_path / "later/a/4.png").symlink_to(tmp_path / "photos/a/2.png")
    with pytest.raises(UserError, match=r"later/a/4.png: lies in path and in test_path"):
        split(test_path="later")
