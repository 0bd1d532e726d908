from __future__ import annotations

import os
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


def half_written_table(path: Path) -> None:
    with storage.table_writer(path) as writer:
        writer.append(ROWS)
        raise RuntimeError("in between")


def refused_table(path: Path) -> None:
    with storage.table_writer(path):
        raise UserError("the user's to mend")


@pytest.mark.parametrize(("write", "error"), [(half_written_table, RuntimeError), (refused_table, UserError)])
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


def test_a_file_and_a_table_take_each_others_place(tmp_path: Path) -> None:
    place = tmp_path / "place"
    files.write_text(place, "a file")
    storage.write_parts(place, [ROWS])
    assert storage.count_rows(place) == 10
    files.write_text(place, "a file again")
    assert names(tmp_path) == ["place"]


@pytest.mark.parametrize("link", [os.link, os.symlink], ids=["hard link", "symbolic link"])
def test_a_part_that_is_a_link_into_the_cache_is_replaced_never_written_through(
    tmp_path: Path, link: Callable[[Path, Path], None]
) -> None:
    cache, work = tmp_path / "cache", tmp_path / "work"
    storage.write_parts(cache / "table", [ROWS])
    before = content(cache / "table")
    (work / "table").mkdir(parents=True)
    link(cache / "table" / "part-00000.parquet", work / "table" / "part-00000.parquet")
    storage.write_parts(work / "table", [ROWS.reverse()])
    assert content(cache / "table") == before
    assert storage.read_table(work / "table").equals(ROWS.reverse())


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


def fill_disk(path: Path) -> None:
    with storage.table_writer(path) as writer:
        writer.append(ROWS.reverse())
        (draft,) = path.parent.glob(".table.*")
        (draft / "part-00001.parquet").symlink_to(FULL)
        writer.append(ROWS)


@pytest.mark.skipif(not FULL.exists(), reason="only Linux has a device that is always full")
def test_a_disk_that_fills_leaves_nothing_half_written(tmp_path: Path) -> None:
    for before in ([], ["table"]):
        with pytest.raises(UserError, match="table: the disk is full; make room and run again"):
            fill_disk(tmp_path / "table")
        assert names(tmp_path) == before
        storage.write_parts(tmp_path / "table", [ROWS])
    assert storage.read_table(tmp_path / "table").equals(ROWS)


def test_failures_of_polars_are_not_hidden(tmp_path: Path) -> None:
    with pytest.raises(pl.exceptions.SchemaError), storage.table_writer(tmp_path / "table"):
        pl.concat([ROWS, ROWS.cast({"n": pl.String})])
    assert names(tmp_path) == []


@pytest.mark.parametrize("read", [storage.read_csv, storage.read_table])
def test_what_is_not_there_names_the_stage_that_makes_it(tmp_path: Path, read: Callable[[Path], Any]) -> None:
    with pytest.raises(UserError, match=r"nowhere: there is no .*; run the stage that makes it"):
        read(tmp_path / "nowhere")


def test_a_damaged_part_is_named(tmp_path: Path) -> None:
    storage.write_parts(tmp_path / "table", [ROWS])
    part = tmp_path / "table" / "part-00000.parquet"
    part.write_bytes(part.read_bytes()[:100])
    for read in (storage.read_table, storage.count_rows):
        with pytest.raises(UserError, match=r"part-00000\.parquet: damaged .*; remove it and run the stage"):
            read(tmp_path / "table")
