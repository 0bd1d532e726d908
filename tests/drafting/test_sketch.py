from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.drafting import sketch
from tests.small_tables import cut


def hashes(num_distinct: int, num_rows: int) -> pl.Series:
    return pl.Series(np.arange(num_rows) % num_distinct).hash(seed=1)


@pytest.mark.parametrize("num_distinct", [1, 2, 2047])
def test_few_distinct_values_are_counted_exactly(num_distinct: int) -> None:
    assert sketch.empty().add(hashes(num_distinct, 10_000)).num_distinct == num_distinct


@pytest.mark.parametrize("num_distinct", [10_000, 300_000])
def test_many_are_estimated_within_a_tenth(num_distinct: int) -> None:
    estimate = sketch.empty().add(hashes(num_distinct, 2 * num_distinct)).num_distinct
    assert estimate == pytest.approx(num_distinct, rel=0.1)


@given(st.lists(st.integers(0, 5_000)))
def test_it_does_not_matter_how_the_values_are_cut(places: list[int]) -> None:
    values = hashes(3_000, 5_000).to_frame("hash")
    whole = sketch.empty().add(values["hash"])
    parts = [sketch.empty().add(part["hash"]) for part in cut(values, places)]
    merged = sketch.empty()
    for part in parts:
        merged = sketch.merge(merged, part)
    assert np.array_equal(merged.smallest, whole.smallest)
