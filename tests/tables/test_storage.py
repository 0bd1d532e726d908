from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks import files
from tasks.errors import UserError
from tasks.tables import storage

ROWS = pl.DataFrame({"n": range(10), "word": [*"abcdefghij"]})
FULL = Path("/dev/full")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def fail(*_: Any) -> None:
    raise RuntimeError("in between")


def half_written_file(path: Path) -> None:
    with files.aside(path) as draft:
        draft.write_text("half")
        fail()


def half_written_table(path: Path) -> None:
    with storage.table_writer(path) as writer:
        writer.append(ROWS)
        fail()


def refused_table(path: Path) -> None:
    with storage.table_writer(path):
        raise UserError("the user's to mend")


@pytest.mark.parametrize(
    ("write", "error"),
    [(half_written_file, RuntimeError), (half_written_table, RuntimeError), (refused_table, UserError)],
)
def test_a_failure_leaves_what_stood_there_and_nothing_else(
    tmp_path: Path, write: Callable[[Path], None], error: type[Exception]
) -> None:
    with pytest.raises(error):
        write(tmp_path / "new")
    assert names(tmp_path) == []
    files.write_text(tmp_path / "old.json", "as it was")
    storage.write_parts(tmp_path / "table", [ROWS])
    before = content(tmp_path / "table")
    for target in ("old.json", "table"):
        with pytest.raises(error):
            write(tmp_path / target)
    assert names(tmp_path) == ["old.json", "table"]
    assert (tmp_path / "old.json").read_text() == "as it was"
    assert content(tmp_path / "table") == before


def test_nothing_is_seen_at_the_place_before_the_end(tmp_path: Path) -> None:
    files.write_text(tmp_path / "file", "old")
    with files.aside(tmp_path / "file") as draft:
        draft.write_text("new")
        assert (tmp_path / "file").read_text() == "old"
    assert (tmp_path / "file").read_text() == "new"


def test_a_file_and_a_folder_take_each_others_place(tmp_path: Path) -> None:
    place = tmp_path / "place"
    files.write_text(place, "a file")
    storage.write_parts(place, [ROWS])
    assert storage.count_rows(place) == 10
    files.write_text(place, "a file again")
    assert names(tmp_path) == ["place"]


def test_what_a_killed_process_left_is_removed_and_that_of_another_at_work_stays(tmp_path: Path) -> None:
    killed = subprocess.Popen([sys.executable, "-c", ""])
    killed.wait()
    for process in (os.getpid(), killed.pid, os.getppid()):
        left = tmp_path / f".table.{process}.tmp"
        left.mkdir()
        (left / "part-00000.parquet").write_bytes(b"half")
    storage.write_parts(tmp_path / "table", [ROWS])
    assert names(tmp_path) == [f".table.{os.getppid()}.tmp", "table"]
    assert storage.read_table(tmp_path / "table").equals(ROWS)


@pytest.mark.parametrize("link", [os.link, os.symlink], ids=["hard link", "symbolic link"])
def test_a_link_into_the_cache_is_replaced_never_written_through(
    tmp_path: Path, link: Callable[[Path, Path], None]
) -> None:
    cache, work = tmp_path / "cache", tmp_path / "work"
    files.write_json(cache / "report", {"a": 1})
    storage.write_parts(cache / "table", [ROWS])
    before = content(cache / "table")
    (work / "table").mkdir(parents=True)
    link(cache / "report", work / "report.json")
    link(cache / "table" / "part-00000.parquet", work / "table" / "part-00000.parquet")
    files.write_json(work / "report.json", {"a": 2})
    storage.write_parts(work / "table", [ROWS.reverse()])
    assert files.read_json(cache / "report") == {"a": 1}
    assert content(cache / "table") == before
    assert files.read_json(work / "report.json") == {"a": 2}
    assert storage.read_table(work / "table").equals(ROWS.reverse())


def test_a_folder_that_is_a_link_is_replaced_and_its_target_kept(tmp_path: Path) -> None:
    storage.write_parts(tmp_path / "cache", [ROWS])
    (tmp_path / "table").symlink_to(tmp_path / "cache")
    storage.write_parts(tmp_path / "table", [ROWS.reverse()])
    assert not (tmp_path / "table").is_symlink()
    assert storage.read_table(tmp_path / "cache").equals(ROWS)
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    files.write_text(tmp_path / "gone", "here again")
    assert not (tmp_path / "gone").is_symlink()


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    storage.write_parts(tmp_path / "one", [ROWS[:4], ROWS[4:]])
    copies = pl.DataFrame({"n": [*range(10)], "word": pl.concat([ROWS["word"][:7], ROWS["word"][7:]])})
    storage.write_parts(tmp_path / "deeper" / "two", (copies.slice(start, 6) for start in (0,)))
    storage.write_parts(tmp_path / "two", [copies.head(4), copies.clear(), copies.tail(6)])
    assert content(tmp_path / "one") == content(tmp_path / "two")
    storage.copy_table(tmp_path / "one", tmp_path / "copy")
    assert content(tmp_path / "copy") == content(tmp_path / "one")


def test_parts_keep_their_order_beyond_ten(tmp_path: Path) -> None:
    assert storage.write_parts(tmp_path / "table", (ROWS.slice(row, 1) for row in [*range(10)] * 2)) == 20
    assert names(tmp_path / "table")[0] == "part-00000.parquet"
    assert storage.read_table(tmp_path / "table").equals(pl.concat([ROWS, ROWS]))
    assert storage.count_rows(tmp_path / "table") == 20
    assert [part.columns for part in storage.read_parts(tmp_path / "table", ["word"])] == [["word"]] * 20


def test_a_table_without_rows_keeps_its_columns(tmp_path: Path) -> None:
    assert storage.write_parts(tmp_path / "table", [ROWS.clear(), ROWS.clear()]) == 0
    assert names(tmp_path / "table") == ["part-00000.parquet"]
    assert storage.read_table(tmp_path / "table").schema == ROWS.schema
    assert storage.count_rows(tmp_path / "table") == 0


def fill_table(path: Path) -> None:
    with storage.table_writer(path) as writer:
        writer.append(ROWS.reverse())
        (draft,) = path.parent.glob(".table.*")
        (draft / "part-00001.parquet").symlink_to(FULL)
        writer.append(ROWS)


def fill_file(path: Path) -> None:
    with files.aside(path) as draft:
        draft.symlink_to(FULL)
        draft.write_text("x" * 100_000)


@pytest.mark.skipif(not FULL.exists(), reason="only Linux has a device that is always full")
def test_a_disk_that_fills_leaves_nothing_half_written(tmp_path: Path) -> None:
    for num_writes in range(2):
        with pytest.raises(UserError, match="table: the disk is full; make room and run again"):
            fill_table(tmp_path / "table")
        with pytest.raises(UserError, match="file: the disk is full; make room and run again"):
            fill_file(tmp_path / "file")
        assert names(tmp_path) == ["file", "table"][: 2 * num_writes]
        files.write_text(tmp_path / "file", "as it was")
        storage.write_parts(tmp_path / "table", [ROWS])
    assert (tmp_path / "file").read_text() == "as it was"
    assert storage.read_table(tmp_path / "table").equals(ROWS)


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "the disk is full"),
        (errno.EACCES, "cannot be written"),
        (errno.EROFS, "cannot be written"),
    ],
)
def test_the_systems_refusals_are_the_users_to_mend(tmp_path: Path, number: int, said: str) -> None:
    with pytest.raises(UserError, match=f"file: {said}") as caught, files.aside(tmp_path / "file"):
        raise OSError(number, os.strerror(number))
    assert isinstance(caught.value.__cause__, OSError)
    assert names(tmp_path) == []


def test_other_failures_of_the_system_are_not_hidden(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="Input/output error"), files.aside(tmp_path / "file"):
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    with pytest.raises(pl.exceptions.SchemaError), storage.table_writer(tmp_path / "table"):
        pl.concat([ROWS, ROWS.cast({"n": pl.String})])
    assert names(tmp_path) == []


def test_json_is_for_people(tmp_path: Path) -> None:
    files.write_json(tmp_path / "a" / "file.json", {"größe": [1, 2.5, None]})
    assert (tmp_path / "a" / "file.json").read_bytes().decode() == (
        '{\n  "größe": [\n    1,\n    2.5,\n    null\n  ]\n}\n'
    )
    with pytest.raises(ValueError, match="Out of range float"):
        files.write_json(tmp_path / "a" / "file.json", float("nan"))
    assert files.read_json(tmp_path / "a" / "file.json") == {"größe": [1, 2.5, None]}


@pytest.mark.parametrize("read", [files.read_json, storage.read_csv, storage.read_table])
def test_what_is_not_there_names_the_stage_that_makes_it(tmp_path: Path, read: Callable[[Path], Any]) -> None:
    with pytest.raises(UserError, match=r"nowhere: there is no .*; run the stage that makes it"):
        read(tmp_path / "nowhere")


@pytest.mark.parametrize("damaged", [b"", b'{"a": 1', b"\xff\xfe"])
def test_a_damaged_json_file_is_named(tmp_path: Path, damaged: bytes) -> None:
    (tmp_path / "file.json").write_bytes(damaged)
    with pytest.raises(UserError, match=r"file\.json: damaged .*; remove it and run the stage that makes it again"):
        files.read_json(tmp_path / "file.json")


def test_a_damaged_part_is_named(tmp_path: Path) -> None:
    storage.write_parts(tmp_path / "table", [ROWS])
    part = tmp_path / "table" / "part-00000.parquet"
    part.write_bytes(part.read_bytes()[:100])
    for read in (storage.read_table, storage.count_rows):
        with pytest.raises(UserError, match=r"part-00000\.parquet: damaged .*; remove it and run the stage"):
            read(tmp_path / "table")


def test_line_ends_are_written_as_given(tmp_path: Path) -> None:
    files.write_text(tmp_path / "file", "a\nb\r\n")
    assert (tmp_path / "file").read_bytes() == b"a\nb\r\n"
    files.write_bytes(tmp_path / "file", b"\x00\xff")
    assert (tmp_path / "file").read_bytes() == b"\x00\xff"
