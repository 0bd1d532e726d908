from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tasks import files
from tasks.errors import UserError

FULL = Path("/dev/full")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write_folder(path: Path, text: str) -> None:
    with files.aside(path) as draft:
        draft.mkdir()
        (draft / "file").write_text(text)


def half_written_file(path: Path) -> None:
    with files.aside(path) as draft:
        draft.write_text("half")
        raise RuntimeError("in between")


def half_written_folder(path: Path) -> None:
    with files.aside(path) as draft:
        draft.mkdir()
        (draft / "file").write_text("half")
        raise RuntimeError("in between")


@pytest.mark.parametrize("write", [half_written_file, half_written_folder])
def test_a_failure_leaves_what_stood_there_and_nothing_else(tmp_path: Path, write: Callable[[Path], None]) -> None:
    with pytest.raises(RuntimeError):
        write(tmp_path / "new")
    assert names(tmp_path) == []
    files.write_text(tmp_path / "old.json", "as it was")
    write_folder(tmp_path / "folder", "as it was too")
    for target in ("old.json", "folder"):
        with pytest.raises(RuntimeError):
            write(tmp_path / target)
    assert names(tmp_path) == ["folder", "old.json"]
    assert (tmp_path / "old.json").read_text() == "as it was"
    assert (tmp_path / "folder" / "file").read_text() == "as it was too"


def test_nothing_is_seen_at_the_place_before_the_end(tmp_path: Path) -> None:
    files.write_text(tmp_path / "file", "old")
    with files.aside(tmp_path / "file") as draft:
        draft.write_text("new")
        assert (tmp_path / "file").read_text() == "old"
    assert (tmp_path / "file").read_text() == "new"


def test_a_file_and_a_folder_take_each_others_place(tmp_path: Path) -> None:
    place = tmp_path / "place"
    files.write_text(place, "a file")
    write_folder(place, "a folder")
    assert (place / "file").read_text() == "a folder"
    files.write_text(place, "a file again")
    assert names(tmp_path) == ["place"]
    assert place.read_text() == "a file again"


def test_what_a_killed_process_left_is_removed_and_that_of_another_at_work_stays(tmp_path: Path) -> None:
    killed = subprocess.Popen([sys.executable, "-c", ""])
    killed.wait()
    # Names as they are, and as an earlier version had them.
    for name in (os.getpid(), killed.pid, f"{killed.pid}-0a1b", f"{os.getppid()}-0a1b"):
        draft = tmp_path / f".folder.{name}.tmp"
        draft.mkdir()
        (draft / "file").write_text("half")
    write_folder(tmp_path / "folder", "whole")
    assert names(tmp_path) == [f".folder.{os.getppid()}-0a1b.tmp", "folder"]
    assert (tmp_path / "folder" / "file").read_text() == "whole"


@pytest.mark.parametrize("write", [write_folder, files.write_text], ids=["folder", "file"])
def test_two_threads_write_to_one_place_and_one_of_them_stays_whole(
    tmp_path: Path, write: Callable[[Path, str], None]
) -> None:
    place = tmp_path / "place"
    texts = [str(number) * 10_000 for number in range(8)]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(10):
            list(pool.map(lambda text: write(place, text), texts))
            content = place / "file" if place.is_dir() else place
            assert content.read_text() in texts
            assert names(tmp_path) == ["place"]


def test_a_draft_in_work_is_left_alone_by_another_thread_and_by_places_of_like_names(tmp_path: Path) -> None:
    with files.aside(tmp_path / "place") as first, files.aside(tmp_path / "place.json") as other:
        first.write_text("first")
        other.write_text("other")
        with ThreadPoolExecutor(1) as pool:
            pool.submit(files.write_text, tmp_path / "place", "second").result()
        assert (tmp_path / "place").read_text() == "second"
        assert first.read_text() == "first"
        assert other.read_text() == "other"
    assert names(tmp_path) == ["place", "place.json"]
    assert (tmp_path / "place").read_text() == "first"


@pytest.mark.parametrize("link", [os.link, os.symlink], ids=["hard link", "symbolic link"])
def test_a_link_into_the_cache_is_replaced_never_written_through(
    tmp_path: Path, link: Callable[[Path, Path], None]
) -> None:
    cache, work = tmp_path / "cache", tmp_path / "work"
    files.write_json(cache / "report", {"a": 1})
    work.mkdir()
    link(cache / "report", work / "report.json")
    files.write_json(work / "report.json", {"a": 2})
    assert files.read_json(cache / "report") == {"a": 1}
    assert files.read_json(work / "report.json") == {"a": 2}


def test_a_folder_that_is_a_link_is_replaced_and_its_target_kept(tmp_path: Path) -> None:
    write_folder(tmp_path / "cache", "old")
    (tmp_path / "folder").symlink_to(tmp_path / "cache")
    write_folder(tmp_path / "folder", "new")
    assert not (tmp_path / "folder").is_symlink()
    assert (tmp_path / "cache" / "file").read_text() == "old"
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    files.write_text(tmp_path / "dangling", "here again")
    assert not (tmp_path / "dangling").is_symlink()


def fill_disk(path: Path) -> None:
    with files.aside(path) as draft:
        draft.symlink_to(FULL)
        draft.write_text("x" * 100_000)


@pytest.mark.skipif(not FULL.exists(), reason="only Linux has a device that is always full")
def test_a_disk_that_fills_leaves_nothing_half_written(tmp_path: Path) -> None:
    for before in ([], ["file"]):
        with pytest.raises(UserError, match="file: the disk is full; make room and run again"):
            fill_disk(tmp_path / "file")
        assert names(tmp_path) == before
        files.write_text(tmp_path / "file", "as it was")
    assert (tmp_path / "file").read_text() == "as it was"


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "the disk is full"),
        (errno.EACCES, "cannot be written"),
        (errno.EROFS, "cannot be written"),
    ],
)
def test_the_systems_refusals_are_the_users_to_mend(tmp_path: Path, number: int, message: str) -> None:
    with pytest.raises(UserError, match=f"file: {message}") as caught, files.aside(tmp_path / "file"):
        raise OSError(number, os.strerror(number))
    assert isinstance(caught.value.__cause__, OSError)
    assert names(tmp_path) == []


def test_other_failures_of_the_system_are_not_hidden(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="Input/output error"), files.aside(tmp_path / "file"):
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    assert names(tmp_path) == []


def test_json_is_for_people(tmp_path: Path) -> None:
    files.write_json(tmp_path / "a" / "file.json", {"größe": [1, 2.5, None]})
    assert (tmp_path / "a" / "file.json").read_bytes().decode() == (
        '{\n  "größe": [\n    1,\n    2.5,\n    null\n  ]\n}\n'
    )
    with pytest.raises(ValueError, match="Out of range float"):
        files.write_json(tmp_path / "a" / "file.json", float("nan"))
    assert files.read_json(tmp_path / "a" / "file.json") == {"größe": [1, 2.5, None]}


def test_a_json_file_that_is_not_there_names_the_stage_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere: there is no .*; run the stage that makes it"):
        files.read_json(tmp_path / "nowhere")


def test_a_folder_in_a_json_files_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "file.json").mkdir()
    with pytest.raises(UserError, match=r"file\.json: a folder in a file's place; remove it"):
        files.read_json(tmp_path / "file.json")


@pytest.mark.parametrize("damaged", [b"", b'{"a": 1', b"\xff\xfe"])
def test_a_damaged_json_file_is_named(tmp_path: Path, damaged: bytes) -> None:
    (tmp_path / "file.json").write_bytes(damaged)
    with pytest.raises(UserError, match=r"file\.json: damaged .*; remove it and run the stage that makes it again"):
        files.read_json(tmp_path / "file.json")


@pytest.mark.parametrize("write", [files.write_bytes, files.write_lasting])
def test_bytes_are_written_as_they_are(tmp_path: Path, write: Callable[[Path, bytes], Any]) -> None:
    write(tmp_path / "file", b"\x00\xff")
    assert (tmp_path / "file").read_bytes() == b"\x00\xff"


def test_line_ends_are_written_as_given(tmp_path: Path) -> None:
    files.write_text(tmp_path / "file", "a\nb\r\n")
    assert (tmp_path / "file").read_bytes() == b"a\nb\r\n"


def test_a_scratch_folder_is_gone_in_the_end_and_with_it_those_of_killed_processes(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    mine, others = f".place.{os.getpid()}-0f.tmp", f".other.{ended.pid}-0f.tmp"
    for name in (f".place.{ended.pid}-0f.tmp", f".place.{os.getppid()}-0f.tmp", mine, others):
        (tmp_path / name).mkdir()
    with files.scratch(tmp_path / "place") as first, files.scratch(tmp_path / "place") as second:
        assert first != second
        (first / "folder").mkdir()
        # The parent lives, and so does this process, whose own from an earlier run under the same number is none.
        assert names(tmp_path) == sorted([first.name, second.name, f".place.{os.getppid()}-0f.tmp", others])
    assert names(tmp_path) == sorted([f".place.{os.getppid()}-0f.tmp", others])


def test_a_scratch_folder_is_gone_when_the_work_fails(tmp_path: Path) -> None:
    with pytest.raises(KeyError), files.scratch(tmp_path / "a" / "place"):
        raise KeyError
    assert names(tmp_path / "a") == []


def test_below_a_file_there_is_nothing_to_remove(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the place of a folder")
    files.remove(tmp_path / "file" / "below")
    assert names(tmp_path) == ["file"]


def test_what_is_sealed_is_read_while_it_is_whole(tmp_path: Path) -> None:
    place, content = tmp_path / "kept" / "list.json", {"é": [1, "a\0b"]}
    assert files.read_sealed(place) is None
    # A file in the folder's place.
    (tmp_path / "kept").write_text("")
    files.write_sealed(place, content)
    assert files.read_sealed(place) == content
    whole = place.read_bytes()
    for damaged in (whole[:-1], whole.replace(b"1", b"2"), b"", b"[]"):
        place.write_bytes(damaged)
        assert files.read_sealed(place) is None


def test_how_a_file_stands_is_asked_once(tmp_path: Path) -> None:
    file, look = tmp_path / "file", files.FirstLook()
    assert look.state(str(file)) is None
    file.write_text("three")
    state = file.stat()
    stands = (5, state.st_mtime_ns, state.st_ctime_ns, state.st_ino)
    assert look.state(str(file)) == stands
    # What the run has asked already.
    look.states[str(file)] = (7, 1, 1, 1)
    assert look.state(str(file)) == (7, 1, 1, 1)
