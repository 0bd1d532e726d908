from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.drafting.sketches import MAX_BYTES, RowSample, Sketch
from tests.small_tables import cut


def hashes(num_distinct: int, num_rows: int) -> pl.Series:
    return pl.Series(np.arange(num_rows) % num_distinct).hash(seed=1)


@pytest.mark.parametrize("num_distinct", [1, 2, 2047])
def test_few_distinct_values_are_counted_exactly(num_distinct: int) -> None:
    assert Sketch().add(hashes(num_distinct, 10_000)).num_distinct == num_distinct


@pytest.mark.parametrize("num_distinct", [10_000, 300_000])
def test_many_are_estimated_within_a_tenth(num_distinct: int) -> None:
    estimate = Sketch().add(hashes(num_distinct, 2 * num_distinct)).num_distinct
    assert estimate == pytest.approx(num_distinct, rel=0.1)


@given(st.lists(st.integers(0, 5_000)))
def test_it_does_not_matter_how_the_values_are_cut(places: list[int]) -> None:
    values = hashes(3_000, 5_000).to_frame("hash")
    whole = Sketch().add(values["hash"])
    parts = [Sketch().add(part["hash"]) for part in cut(values, places)]
    merged = Sketch()
    for part in parts:
        merged = merged.merge(part)
    assert np.array_equal(merged.smallest, whole.smallest)


def sampled(parts: list[pl.DataFrame], max_rows: int = 100) -> pl.DataFrame:
    sample = RowSample(max_rows)
    for part in parts:
        sample.add(part)
    return sample.rows()


def test_fewer_rows_than_fit_are_all_there_in_order() -> None:
    rows = pl.DataFrame({"a": range(100)})
    assert sampled([rows]).equals(rows)


@given(st.lists(st.integers(0, 3_000)))
def test_the_same_rows_are_chosen_however_the_stream_is_cut(places: list[int]) -> None:
    rows = pl.DataFrame({"a": range(3_000)})
    assert sampled(cut(rows, places)).equals(sampled([rows]))


def test_the_sample_is_spread_over_the_rows() -> None:
    chosen = sampled([pl.DataFrame({"a": range(start, start + 5_000)}) for start in range(0, 100_000, 5_000)], 2_000)
    assert chosen.height == 2_000
    assert abs(chosen["a"].mean() - 50_000) < 4 * 100_000 / (12 * 2_000) ** 0.5  # type: ignore[operator]


def test_heavy_rows_are_fewer() -> None:
    long = "x" * 1_000_000
    chosen = sampled([pl.DataFrame({"a": [f"{number}{long}" for number in range(20)]}) for _ in range(12)])
    assert 1 < chosen.height < 100
    assert chosen.estimated_size() <= MAX_BYTES


def test_bytes_are_kept_as_their_sizes() -> None:
    assert sampled([pl.DataFrame({"a": [b"123", None]})])["a"].to_list() == [3, None]


def test_no_rows_make_an_empty_sample() -> None:
    assert sampled([]).height == 0
