from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.validation.exact_sums import moments

NUMBERS = st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=30)


def of(values: list[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array(values, dtype=np.float64)


@given(NUMBERS, st.integers(0, 30))
def test_cut_anywhere_the_moments_are_the_same(values: list[float], cut: int) -> None:
    assert moments(of(values[:cut])) + moments(of(values[cut:])) == moments(of(values))


@given(NUMBERS)
def test_the_sum_is_the_nearest_double(values: list[float]) -> None:
    try:
        expected = math.fsum(values)
    except OverflowError:
        return
    assert moments(of(values)).sum == expected


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30))
def test_mean_and_deviation_are_those_of_pandas(values: list[float]) -> None:
    series, found = pd.Series(values), moments(of(values))
    assert found.mean == pytest.approx(series.mean(), rel=1e-9, abs=1e-9)
    assert found.deviation == pytest.approx(series.std(), rel=1e-9, abs=1e-9)


def test_a_small_spread_on_a_large_mean_is_kept() -> None:
    assert moments(of([1e15, 1e15 + 1, 1e15 + 2])).deviation == 1.0


@pytest.mark.parametrize("values", [[math.inf, 1], [-math.inf, 1], [math.inf, -math.inf], [1e308] * 3, [], [7]])
def test_what_is_infinite_or_undefined_is_so_as_in_pandas(values: list[float]) -> None:
    found, series = moments(of(values)), pd.Series(values, dtype="float64")
    assert found.sum == pytest.approx(series.sum(), nan_ok=True)
    assert math.isnan(found.mean) == math.isnan(series.mean())
    assert math.isnan(found.deviation) == (math.isnan(series.std()) or len(values) < 2)
