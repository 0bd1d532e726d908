from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tasks.tables.origins import (
    OriginLog,
    PartOrigins,
    RowOrigins,
    UnreadCell,
    copy_origins,
    read_origins,
    write_origins,
)

BATCHES = st.lists(st.tuples(st.lists(st.integers(1, 3), max_size=6), st.booleans(), st.sampled_from("ab")), max_size=5)


@given(BATCHES, st.lists(st.integers(1, 7), min_size=40, max_size=40))
def test_each_row_keeps_its_place_and_its_cells_however_parts_are_cut(
    batches: list[tuple[list[int], bool, str]], heights: list[int]
) -> None:
    log, places, cells = OriginLog(), [], []
    for steps, in_lines, file in batches:
        numbers = np.cumsum(steps, dtype=np.int64)
        unread = [UnreadCell(row=row, column="x", cell=f"{len(cells)}") for row in range(0, len(steps), 2)]
        log.add(RowOrigins(file=file, numbers=numbers, in_lines=in_lines), unread)
        cells += [(len(places) + cell.row, cell.cell) for cell in unread]
        places += [f"{file}:{number}" if in_lines else f"{file}, row {number}" for number in numbers]
    found_places, found_cells, start = [], [], 0
    for height in heights:
        height = min(height, len(places) - start)
        part = log.take(height)
        found_places += [part.place(row) for row in range(height)]
        found_cells += [(start + cell.row, cell.cell) for cell in part.unread]
        start += height
    assert found_places == places[:start]
    assert found_cells == [cell for cell in cells if cell[0] < start]


def test_rows_below_each_other_take_one_run() -> None:
    log = OriginLog()
    log.add(RowOrigins(file="a", numbers=np.arange(2, 1002), in_lines=True), [])
    assert [(run.row, run.number) for run in log.take(1000).runs] == [(0, 2)]


def test_what_was_written_is_read_and_a_copy_bears_the_new_name(tmp_path: Path) -> None:
    log = OriginLog()
    log.add(
        RowOrigins(file="old.csv", numbers=np.array([2, 3, 7]), in_lines=True), [UnreadCell(row=2, column="é", cell="")]
    )
    origins = log.take(3)
    first, second = tmp_path / "part-00000.parquet", tmp_path / "part-00004.parquet"
    assert read_origins(first) is None
    copy_origins(first, second, "new.csv")
    assert read_origins(second) is None
    write_origins(first, origins)
    assert read_origins(first) == origins
    copy_origins(first, second, "new.csv")
    copied = read_origins(second)
    assert isinstance(copied, PartOrigins)
    assert (copied.place(1), copied.place(2), copied.unread) == ("new.csv:3", "new.csv:7", origins.unread)
