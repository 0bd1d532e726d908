from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.columns.moments import factor_and_offset, moments, weighted_moments

examples = settings(derandomize=True, deadline=None, max_examples=50)
NUMBERS = st.lists(st.floats(-1e12, 1e12, allow_subnormal=False), min_size=1, max_size=20)
FINITE = st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=30)
MAGNITUDES = {
    "normal": lambda random: random.normal(size=100_000),
    "years": lambda random: random.integers(1980, 2025, 100_000).astype(np.float64),
    "lognormal": lambda random: np.exp(random.normal(0, 3, 100_000)),
    "all magnitudes": lambda random: np.exp(random.normal(0, 100, 3_000)),
    "subnormal": lambda random: random.normal(size=3_000) * 5e-320,
    "huge": lambda random: random.uniform(-1, 1, 3_000) * 1.79e308,
    "both ends": lambda random: np.array([1.79e308, 5e-324, 0.0, -5e-324, -1e308]),
}


def of(values: list[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array(values, dtype=np.float64)


@examples
@given(values=FINITE, cut=st.integers(0, 30))
def test_cut_anywhere_the_moments_are_the_same(values: list[float], cut: int) -> None:
    assert moments(of(values[:cut])) + moments(of(values[cut:])) == moments(of(values))


@pytest.mark.parametrize("name", MAGNITUDES)
def test_sums_are_those_of_fractions(name: str) -> None:
    values = MAGNITUDES[name](np.random.default_rng(0))
    some = values[:3_000]
    exact = [Fraction(value) for value in some.tolist()]
    mean = sum(exact) / len(exact)
    assert moments(some).mean == float(mean)
    largest = max(map(abs, exact))
    variance = sum(((value - mean) / largest) ** 2 for value in exact) / len(exact)
    expected = math.sqrt(variance) * float(largest)
    assert moments(some).std == pytest.approx(expected, rel=1e-9, abs=1e-323)
    shuffled = np.random.default_rng(1).permutation(values)
    assert moments(values) == moments(shuffled[:70_000]) + moments(shuffled[70_000:])


@examples
@given(values=FINITE)
def test_the_sum_is_the_nearest_double(values: list[float]) -> None:
    try:
        expected = math.fsum(values)
    except OverflowError:
        return
    assert moments(of(values)).sum == expected


@examples
@given(values=NUMBERS, counts=st.lists(st.integers(1, 5), min_size=20, max_size=20))
def test_a_weight_is_so_many_of_the_same(values: list[float], counts: list[int]) -> None:
    weights = np.array(counts[: len(values)])
    assert weighted_moments(np.array(values), weights) == moments(np.repeat(values, weights))


@examples
@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30))
def test_mean_and_std_are_those_of_pandas(values: list[float]) -> None:
    series, learnt = pd.Series(values), moments(of(values))
    assert learnt.mean == pytest.approx(series.mean(), rel=1e-9, abs=1e-9)
    assert learnt.sample_std == pytest.approx(series.std(), rel=1e-9, abs=1e-9)
    assert learnt.std == pytest.approx(series.std(ddof=0), rel=1e-9, abs=1e-9)


def test_a_small_spread_on_a_large_mean_is_kept() -> None:
    assert moments(of([1e15, 1e15 + 1, 1e15 + 2])).sample_std == 1.0


@pytest.mark.parametrize("values", [[math.inf, 1], [-math.inf, 1], [math.inf, -math.inf], [1e308] * 3, [], [7]])
def test_what_is_infinite_or_undefined_is_so_as_in_pandas(values: list[float]) -> None:
    learnt, series = moments(of(values)), pd.Series(values, dtype="float64")
    assert learnt.sum == pytest.approx(series.sum(), nan_ok=True)
    assert math.isnan(learnt.mean) == math.isnan(series.mean())
    assert math.isnan(learnt.sample_std) == (math.isnan(series.std()) or len(values) < 2)


def test_center_and_std_have_the_digits_that_are_kept() -> None:
    values = np.random.default_rng(0).normal(1e6, 2, 10_000)
    center, std = moments(values).center_and_std
    assert center == pytest.approx(values.mean(), rel=1e-11)
    assert std == pytest.approx(values.std(), rel=1e-11)


def test_a_single_value_is_its_own_center() -> None:
    assert moments(of([0.1234567890123456] * 3)).center_and_std == (0.1234567890123456, 0.0)


def test_what_has_no_width_is_only_moved() -> None:
    assert factor_and_offset(3.0, 0.0) == (1.0, -3.0)
    assert factor_and_offset(3.0, 2.0) == (0.5, -1.5)
