from __future__ import annotations

import sys
from functools import reduce

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tasks.columns.quantiles import MOST_KEYS, Histogram, extended, histogram, merged
from tests.shared_data import shared

examples = settings(derandomize=True, deadline=None, max_examples=40)
Doubles = NDArray[np.float64]
LEVELS = np.array([0, 0.01, 0.1, 0.25, 1 / 3, 0.5, 0.75, 0.9, 0.99, 1])
FINITE = st.floats(allow_nan=False, allow_infinity=False)


def many(name: str, size: int = 60_000) -> Doubles:
    """More numbers than there are keys, spread in ways that are met."""
    draw = np.random.default_rng(0)
    match name:
        case "normal":
            return draw.normal(0, 1, size)
        case "lognormal":
            return draw.lognormal(10, 3, size)
        case "years":
            return draw.uniform(1900, 2025, size)
        case "microseconds":
            return 1.7e15 + draw.integers(0, 10_000_000, size).astype(np.float64)
        case _:
            exponents = draw.uniform(-307, 308, size)
            return np.asarray(draw.choice([-1.0, 1.0], size) * 10.0**exponents, dtype=np.float64)


SPREADS = ["normal", "lognormal", "years", "microseconds", "all magnitudes"]


def same(one: Histogram, other: Histogram) -> bool:
    return one.bits == other.bits and np.array_equal(one.keys, other.keys) and np.array_equal(one.counts, other.counts)


def in_parts(values: Doubles, places: list[int]) -> Histogram:
    return reduce(merged, [histogram(part) for part in np.split(values, sorted(places))])


@examples
@given(values=st.lists(FINITE, max_size=30), data=st.data())
def test_any_cut_of_any_numbers_is_counted_the_same(values: list[float], data: st.DataObject) -> None:
    places = data.draw(st.lists(st.integers(0, len(values)), max_size=4))
    whole = histogram(np.array(values, dtype=np.float64))
    assert same(in_parts(np.array(values, dtype=np.float64), places), whole)
    assert whole.count == len(values)
    assert whole.values.tolist() == sorted(set(values))


def part_by_part(values: Doubles, places: list[int]) -> Histogram:
    counted = None
    for part in np.split(values, sorted(places)):
        counted = extended(counted, part)
    assert counted is not None
    return counted


@pytest.mark.parametrize("name", [*SPREADS, "below zero", "whole"])
def test_a_part_that_is_added_is_counted_as_if_by_itself(name: str) -> None:
    values = -many("lognormal") if name == "below zero" else many(name)
    values = np.round(many("normal") * 1000) if name == "whole" else values
    for places in ([20_000, 40_000], [17_000, 17_000, 17_001, 59_999]):
        counted = part_by_part(values, places)
        assert same(counted, in_parts(values, places))
        assert same(counted, histogram(values))
        assert (counted.keys.dtype, counted.counts.dtype) == (np.uint64, np.int64)


@examples
@given(values=st.lists(FINITE, max_size=30), places=st.lists(st.integers(0, 30), max_size=4), known=st.booleans())
def test_any_part_is_added_to_coarse_counts_as_to_fine(values: list[float], places: list[int], known: bool) -> None:
    numbers = np.concatenate([many("all magnitudes") if known else [], np.array(values, dtype=np.float64)])
    cuts = [len(numbers) - min(place, len(values)) for place in places]
    assert same(part_by_part(numbers, cuts), histogram(numbers))


@pytest.mark.parametrize("name", SPREADS)
@settings(examples, max_examples=5)
@given(data=st.data())
def test_any_cut_and_order_of_many_numbers_is_counted_the_same(name: str, data: st.DataObject) -> None:
    values = many(name)
    places = data.draw(st.lists(st.integers(0, len(values)), max_size=8))
    order = np.random.default_rng(data.draw(st.integers(0, 9))).permutation(len(values))
    whole = histogram(values)
    assert same(in_parts(values[order], places), whole)
    assert whole.count == len(values)
    assert MOST_KEYS // 4 < len(whole.keys) <= MOST_KEYS


@pytest.mark.parametrize("name", SPREADS)
def test_the_prefix_is_the_longest_that_leaves_few_enough_keys(name: str) -> None:
    values = many(name)
    bits = values.view(np.int64)
    keys = np.where(bits < 0, ~bits, bits | np.int64(-(2**63))).view(np.uint64)
    found = histogram(values)
    assert len(np.unique(keys >> np.uint64(64 - found.bits))) == len(found.keys)
    assert len(np.unique(keys >> np.uint64(63 - found.bits))) > MOST_KEYS


@examples
@given(values=st.lists(st.floats(-1e150, 1e150), min_size=1, max_size=40), level=st.floats(0, 1))
def test_few_numbers_have_numpys_quantiles(values: list[float], level: float) -> None:
    assert histogram(np.array(values)).quantile(level) == pytest.approx(np.quantile(values, level), rel=1e-15, abs=0)


def test_most_keys_are_exact_and_one_more_is_not() -> None:
    values = np.arange(0.5, MOST_KEYS + 1, dtype=np.float64)
    exact = histogram(np.repeat(values[:-1], 2))
    assert exact.bits == 64
    assert np.array_equal(exact.quantiles(LEVELS), np.quantile(np.repeat(values[:-1], 2), LEVELS))
    assert exact.weighted_values()[1].tolist() == [2] * MOST_KEYS
    assert histogram(values).bits < 64


@pytest.mark.parametrize(("name", "share"), [("normal", 2e-3), ("years", 3e-4), ("microseconds", 3e-4)])
def test_the_error_follows_the_spread_and_not_the_magnitude(name: str, share: float) -> None:
    values = many(name)
    errors = np.abs(histogram(values).quantiles(LEVELS) - np.quantile(values, LEVELS))
    assert errors.max() < share * values.std()


@pytest.mark.parametrize("name", ["lognormal", "all magnitudes"])
def test_numbers_of_many_magnitudes_are_told_apart_in_each(name: str) -> None:
    values = many(name)
    share = 1e-3 if name == "lognormal" else 0.15
    assert histogram(values).quantiles(LEVELS) == pytest.approx(
        np.quantile(values, LEVELS, method="nearest"), rel=share
    )


def test_zero_is_one_number_and_stays_zero_among_many_others() -> None:
    assert histogram(np.array([0.0, -0.0])).counts.tolist() == [2]
    found = histogram(np.concatenate([many("all magnitudes"), np.zeros(90_000)]))
    assert found.bits < 20
    assert found.quantile(0.5) == 0.0
    values, counts = found.weighted_values()
    assert values[counts.argmax()] == 0.0
    assert (np.diff(values) > 0).all()


def test_the_ends_of_what_a_double_can_hold() -> None:
    largest = sys.float_info.max
    found = histogram(np.array([-largest, largest, largest]))
    assert found.quantiles(np.array([0, 0.25, 0.5, 1])).tolist() == [-largest, 0, largest, largest]
    everything = histogram(np.concatenate([many("all magnitudes"), [largest, -largest, 5e-324]]))
    assert np.isfinite(everything.values).all()


def test_nothing_seen_is_merged_into_anything() -> None:
    nothing = histogram(np.array([]))
    assert nothing.count == 0
    assert same(merged(nothing, nothing), nothing)
    something = histogram(many("normal"))
    assert same(merged(nothing, something), something)


def test_quartiles_of_real_numbers() -> None:
    """House prices: of 20,640 some 3,800 differ, so they are exact."""
    values = pl.read_csv(shared("california-housing/housing.csv"))["median_house_value"].cast(pl.Float64).to_numpy()
    assert np.array_equal(histogram(values).quantiles(LEVELS), np.quantile(values, LEVELS))


@pytest.mark.parametrize("most_keys", [8, 16_384])
def test_numbers_below_an_edge_are_counted_exactly_or_between_two_bounds(
    most_keys: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.columns.quantiles.MOST_KEYS", most_keys)
    values = np.random.default_rng(0).normal(size=500)
    numbers, edges = histogram(values), np.array([-np.pi, -1.0, -0.1, 0.0, 0.1, 1.0, np.pi])
    at_least, at_most = numbers.num_below(edges)
    true = (values < edges[:, None]).sum(axis=1)
    assert (at_least <= true).all()
    assert (true <= at_most).all()
    # Zero is an edge of any keys.
    assert at_least[3] == at_most[3]
    assert (at_least == at_most).all() == (most_keys > 500)
    own = numbers.num_below(numbers.edges)
    assert own[0].tolist() == own[1].tolist() == np.cumsum(numbers.counts)[:-1].tolist()
    assert own[0].tolist() == (values < numbers.edges[:, None]).sum(axis=1).tolist()
