from __future__ import annotations

from itertools import pairwise

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from tasks.tables.parts import regroup
from tests.small_tables import cut

PLACES = st.lists(st.integers(0, 60), max_size=5)


@given(st.integers(0, 60), PLACES, st.integers(1, 20))
def test_all_rows_stay_in_order_and_parts_are_full(num_rows: int, places: list[int], rows_per_part: int) -> None:
    rows = pl.DataFrame({"x": range(num_rows)}, schema={"x": pl.Int64})
    parts = list(regroup(cut(rows, places), rows_per_part))
    assert [value for part in parts for value in part["x"]] == rows["x"].to_list()
    assert all(part.height == rows_per_part for part in parts[:-1])
    assert all(0 < part.height <= rows_per_part for part in parts)


@given(st.lists(st.binary(max_size=9) | st.none(), max_size=40), PLACES, st.integers(1, 9), st.integers(1, 25))
def test_parts_are_bounded_by_bytes_wherever_the_rows_are_cut(
    cells: list[bytes | None], places: list[int], rows_per_part: int, bytes_per_part: int
) -> None:
    rows = pl.DataFrame({"x": cells, "text": ["ab"] * len(cells)}, schema={"x": pl.Binary, "text": pl.String})
    parts = [part.rows() for part in regroup(cut(rows, places), rows_per_part, bytes_per_part)]
    assert [row for part in parts for row in part] == rows.rows()
    assert parts == [part.rows() for part in regroup([rows], rows_per_part, bytes_per_part)]

    def size(part: list[tuple[bytes | None, str]]) -> int:
        return sum(len(cell or b"") + len(text) for cell, text in part)

    assert all(len(part) == 1 or size(part) <= bytes_per_part for part in parts)
    for part, following in pairwise(parts):
        assert len(part) == rows_per_part or size([*part, following[0]]) > bytes_per_part
