from __future__ import annotations

from pathlib import Path

import polars as pl

from tasks.sources.kept_rows import KeptRows
from tasks.tables import storage

NAMES = [f"{number:05d}.png" for number in range(40_000)]
"""As many as have several row groups."""


def table(root: Path) -> Path:
    """Three parts; of the first and the last nothing but the names can be read."""
    cuts = (NAMES[:10], NAMES[10:39_990], NAMES[39_990:])
    contents = [name.encode() for name in NAMES[10:39_990]]
    parts = [pl.DataFrame({"file": names}) for names in cuts]
    storage.write_parts(root, [parts[0], parts[1].with_columns(image=pl.Series(contents)), parts[2]])
    return root


def test_parts_before_those_that_are_asked_for_are_not_read(tmp_path: Path) -> None:
    for asked in (NAMES[10:50], NAMES[20_000:20_003], [NAMES[11], "00011.png-new", NAMES[30_000], NAMES[39_989]]):
        rows = KeptRows(table(tmp_path), "image")
        assert [rows.content(name) for name in asked] == [name.encode() if name in NAMES else None for name in asked]


def test_what_cannot_be_read_keeps_nothing_from_there_on(tmp_path: Path) -> None:
    rows = KeptRows(table(tmp_path), "image")
    assert rows.content(NAMES[39_989]) == NAMES[39_989].encode()
    assert rows.content(NAMES[39_990]) is None
    assert rows.content(NAMES[39_999]) is None
    assert KeptRows(table(tmp_path), "image").content(NAMES[0]) is None


def test_rows_of_the_split_alone_are_meant(tmp_path: Path) -> None:
    rows = pl.DataFrame({"file": ["a", "b", "a", "c"], "image": [b"1", b"2", b"3", b"4"], "split": [*"ttuu"]})
    storage.write_parts(tmp_path, [rows[:2], rows[2:]])
    first, second = (KeptRows(tmp_path, "image", ("split", split)) for split in "tu")
    assert [first.content(name) for name in "abc"] == [b"1", b"2", None]
    assert [second.content(name) for name in "abc"] == [b"3", None, b"4"]
