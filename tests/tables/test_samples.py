from __future__ import annotations

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.tables.samples import HASH, StableSample, smallest
from tests.small_tables import cut

ROWS = pl.DataFrame({"name": [f"n{row}" for row in range(40)], HASH: [row * 7 % 20 for row in range(40)]})


def test_the_smallest_hashes_are_taken_and_of_equal_ones_the_first_in_order() -> None:
    assert smallest(ROWS, 3).rows() == [("n0", 0), ("n20", 0), ("n23", 1)]
    assert smallest(ROWS.reverse(), 3).rows() == smallest(ROWS, 3).rows()
    assert smallest(ROWS, 40).equals(ROWS)


@given(st.permutations(range(40)), st.lists(st.integers(0, 40), max_size=5), st.integers(1, 41))
@settings(derandomize=True, deadline=None, max_examples=50)
def test_order_and_cut_of_the_rows_do_not_matter(order: list[int], places: list[int], most: int) -> None:
    sample = StableSample(most)
    for part in cut(ROWS[order], places):
        sample.add(sample.wanted(part))
    kept = sample.rows()
    assert kept is not None
    assert kept.equals(ROWS.sort(HASH, "name").head(most))


def test_without_a_part_there_is_no_sample() -> None:
    assert StableSample(3).rows() is None
