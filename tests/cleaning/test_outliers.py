from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.cleaning.findings import ROW, SCHEMA, Parts
from tasks.cleaning.isolation import RULE
from tasks.cleaning.outliers import Bounds, learn_bounds, outside
from tasks.params.clean import Outliers

INVARIANT = settings(derandomize=True, deadline=None, max_examples=40)
IQR, MAD = Outliers(method="iqr"), Outliers(method="mad")


def numbered(**columns: list[float | None]) -> pl.DataFrame:
    frame = pl.DataFrame({name: pl.Series(values, dtype=pl.Float64) for name, values in columns.items()})
    return frame.with_columns(pl.int_range(frame.height, dtype=pl.Int64).alias(ROW))


def in_parts(frame: pl.DataFrame, size: int = 7) -> Parts:
    return lambda: (frame.slice(start, size) for start in range(0, max(frame.height, 1), size))


def bounds_of(values: list[float | None], how: Outliers) -> Bounds | None:
    return learn_bounds(in_parts(numbered(x=values)), {"x": how})["x"]


def test_iqr_is_tukeys_fences() -> None:
    values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 100.0]
    bounds = bounds_of([*values, None, math.nan], IQR)
    assert bounds == Bounds(low=3 - 1.5 * 4, high=7 + 1.5 * 4, spread=4, method="iqr")
    wider = bounds_of(list(values), Outliers(method="iqr", factor=3))
    assert wider is not None
    assert (wider.low, wider.high) == (-9, 19)


def test_mad_is_iglewicz_and_hoaglins_modified_z_score() -> None:
    values = [2.0, 4.0, 4.0, 5.0, 6.0, 7.0, 30.0]
    bounds = bounds_of(list(values), MAD)
    assert bounds is not None
    mad = np.median(np.abs(np.array(values) - 5))
    assert bounds.high == pytest.approx(5 + 3.5 * mad / 0.6745)
    assert bounds.low == pytest.approx(5 - 3.5 * mad / 0.6745)
    assert 0.6745 * (bounds.high - 5) / mad == pytest.approx(3.5)


@INVARIANT
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40), st.sampled_from([IQR, MAD]))
def test_bounds_are_those_of_numpy(values: list[float], how: Outliers) -> None:
    bounds = bounds_of(list(values), how)
    if how is IQR:
        low, high = np.quantile(values, [0.25, 0.75])
        spread, reach = high - low, 1.5
    else:
        low = high = np.median(values)
        spread, reach = np.median(np.abs(values - low)) / 0.6745, 3.5
    if bounds is None:
        assert spread == pytest.approx(0, abs=1e-9)
    else:
        assert bounds.low == pytest.approx(low - reach * spread, rel=1e-9, abs=1e-9)
        assert bounds.high == pytest.approx(high + reach * spread, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("how", [IQR, MAD])
@pytest.mark.parametrize(
    "values",
    [[], [None, None], [math.inf, math.nan], [3.0], [3.0, 3.0, 3.0, 3.0, 9.0], [-1.7e308, -1e308, 1e308, 1.7e308]],
)
def test_a_column_without_numbers_or_spread_has_no_bounds(values: list[float | None], how: Outliers) -> None:
    assert bounds_of(values, how) is None


@INVARIANT
@given(st.lists(st.none() | st.floats(allow_nan=True), max_size=30), st.integers(1, 9), st.sampled_from([IQR, MAD]))
def test_the_cut_into_parts_does_not_matter(values: list[float | None], size: int, how: Outliers) -> None:
    frame = numbered(x=values)
    whole, cut = in_parts(frame, 100), in_parts(frame, size)
    bounds = learn_bounds(whole, {"x": how})
    assert learn_bounds(cut, {"x": how}) == bounds
    told = outside(whole, bounds)
    assert outside(cut, bounds).equals(told)
    assert told["score"].is_finite().all()
    assert told["row"].is_sorted()


def test_many_numbers_have_bounds_close_to_the_exact_ones_however_they_are_cut() -> None:
    values = np.random.default_rng(0).normal(size=60_000)
    frame = numbered(x=values.tolist())
    bounds = learn_bounds(in_parts(frame, 7_000), {"x": MAD})["x"]
    assert bounds is not None
    assert bounds == learn_bounds(in_parts(frame, 60_000), {"x": MAD})["x"]
    median = np.median(values)
    assert bounds.high == pytest.approx(median + 3.5 * np.median(np.abs(values - median)) / 0.6745, abs=0.01)


def test_a_row_is_found_once_for_the_number_that_is_farthest_out() -> None:
    frame = numbered(size=[1.0, 1e9, 5.0, None], age=[-70.0, -400.0, 3.0, 7.0])
    bounds = {
        "size": Bounds(low=0, high=320, spread=10, method="iqr"),
        "age": Bounds(low=0, high=90, spread=20, method="mad"),
        "none": None,
    }
    told = outside(in_parts(frame, 2), bounds)
    assert told.schema == pl.Schema(SCHEMA)
    assert told.rows() == [
        (0, RULE, "age is -70, below 0 (mad)", 3.5),
        (1, RULE, "size is 1e+09, above 320 (iqr)", (1e9 - 320) / 10),
    ]


def test_a_number_that_reads_like_its_bound_is_told_with_all_its_digits() -> None:
    bounds = {"x": Bounds(low=0, high=320, spread=1, method="iqr")}
    told = outside(in_parts(numbered(x=[320.0, 320.00001, math.inf])), bounds)
    assert told["reason"].to_list() == ["x is 320.00001, above 320 (iqr)", "x is inf, above 320 (iqr)"]
    assert told["score"].is_finite().all()


def test_nothing_is_outside_without_bounds() -> None:
    assert outside(in_parts(numbered(x=[1.0])), {"x": None}).is_empty()
    assert outside(in_parts(numbered(x=[])), {"x": Bounds(low=0, high=1, spread=1, method="iqr")}).is_empty()
