from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from tasks.drafting.profile import MAX_BYTES, RowSample
from tests.small_tables import cut


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
