from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.tables.kept_parts import KeptParts

MADE = [("one", {"rows": 1}), ("two", [2]), ("three", None)]


def written(root: Path) -> Path:
    """A table as it stands after a run, and what was noted of its parts."""
    table = root / "raw"
    table.mkdir()
    for number, (name, _) in enumerate(MADE):
        (table / f"part-{number:05d}.parquet").write_text(name)
    kept = KeptParts(root / "store")
    kept.note(MADE)
    kept.remember(table)
    return table


def found(root: Path) -> dict[str, object]:
    """What the next run finds, by the content of the part; its table has been removed by then."""
    kept = KeptParts(root / "store")
    kept.keep(root / "raw")
    shutil.rmtree(root / "raw", ignore_errors=True)
    parts = {name: kept.find(name) for name, _ in MADE}
    assert all(part[0].read_text() == name for name, part in parts.items() if part)
    return {name: part[1] for name, part in parts.items() if part}


def rename_parts(table: Path) -> None:
    (table / "part-00000.parquet").unlink()
    for number in (1, 2):
        (table / f"part-{number:05d}.parquet").rename(table / f"part-{number - 1:05d}.parquet")


def edit_in_place(table: Path) -> None:
    part = table / "part-00001.parquet"
    later = part.stat().st_mtime_ns + 1
    part.write_text("owt")
    os.utime(part, ns=(later, later))


def replace_by_a_copy(table: Path) -> None:
    part, copy = table / "part-00001.parquet", table / "copy"
    shutil.copy2(part, copy)
    copy.rename(part)


CHANGES: dict[str, tuple[Callable[[Path], object], set[str]]] = {
    "nothing": (lambda _: None, {"one", "two", "three"}),
    "another number": (rename_parts, {"two", "three"}),
    "edited": (edit_in_place, {"one", "three"}),
    "another file": (replace_by_a_copy, {"one", "three"}),
    "longer": (lambda table: (table / "part-00002.parquet").write_text("three3"), {"one", "two"}),
    "gone": (shutil.rmtree, set()),
    "index gone": (lambda table: (table.parent / "store/parts.json").unlink(), set()),
    "index damaged": (lambda table: os.truncate(table.parent / "store/parts.json", 80), set()),
    "another index": (lambda table: (table.parent / "store/parts.json").write_text("[]"), set()),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_part_is_found_while_it_stands_as_it_was_written(tmp_path: Path, change: str) -> None:
    act, names = CHANGES[change]
    act(written(tmp_path))
    assert found(tmp_path) == {name: noted for name, noted in MADE if name in names}


def test_after_a_run_that_was_killed_all_is_there_still(tmp_path: Path) -> None:
    written(tmp_path)
    assert found(tmp_path) == dict(MADE)
    # Nothing was remembered, and there is no table.
    assert found(tmp_path) == dict(MADE)


def test_no_links_are_left(tmp_path: Path) -> None:
    table = written(tmp_path)
    kept = KeptParts(tmp_path / "store")
    kept.keep(table)
    assert (table / "part-00000.parquet").stat().st_nlink == 2
    kept.remember(table)
    assert (table / "part-00000.parquet").stat().st_nlink == 1
    assert [path.name for path in (tmp_path / "store").iterdir()] == ["parts.json"]
    # The table is the old one, and what is known of it holds still.
    assert found(tmp_path) == dict(MADE)


def test_without_a_store_nothing_is_kept(tmp_path: Path) -> None:
    kept = KeptParts()
    kept.note(MADE)
    table = written(tmp_path)
    kept.keep(table)
    assert kept.find("one") is None
    kept.remember(table)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["raw", "store"]
