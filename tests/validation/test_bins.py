from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tasks.columns import quantiles
from tasks.columns.quantiles import Histogram, histogram, merged
from tasks.validation.bins import NUM_BINS, Bins, bins_of, shared_counts


def counted(bins: Bins, values: NDArray[np.float64]) -> list[int]:
    """In each bin, by numpy."""
    places = np.searchsorted(bins.edges, values, side="right")
    return np.bincount(places, minlength=len(bins.counts)).tolist()


def in_parts(values: NDArray[np.float64], num_parts: int) -> Histogram:
    first, *others = (histogram(part) for part in np.array_split(values, num_parts))
    for other in others:
        first = merged(first, other)
    return first


SAMPLES = {
    "normal": lambda dice, size: dice.normal(size=size),
    "skewed": lambda dice, size: -dice.lognormal(sigma=3, size=size),
    "far from zero": lambda dice, size: 1e9 + dice.random(size),
    "mostly zero": lambda dice, size: np.where(dice.random(size) < 0.9, 0.0, dice.normal(size=size)),
    "few values": lambda dice, size: dice.choice([-0.1, 0.1, 0.3], size, p=[0.02, 0.9, 0.08]),
    "heavy values": lambda dice, size: np.where(dice.random(size) < 0.5, -0.1, dice.normal(size=size)),
}


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES.keys())
@pytest.mark.parametrize("size", [1, 50, 40_000])
def test_bins_hold_what_they_say_and_about_as_many_each(sample, size: int) -> None:  # type: ignore[no-untyped-def]
    values = sample(np.random.default_rng(size), size)
    bins = bins_of(in_parts(values, 3 if size > 3 else 1))
    assert counted(bins, values) == list(bins.counts)
    assert len(bins.counts) <= 2 * NUM_BINS + 1
    # A bin that is larger is of one value.
    large = [place for place, count in enumerate(bins.counts) if count > max(1, 1.3 * size / NUM_BINS)]
    places = np.searchsorted(bins.edges, values, side="right")
    assert all(len(np.unique(values[places == place])) == 1 for place in large)


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES.keys())
@pytest.mark.parametrize("most_keys", [16, 16_384])
def test_later_numbers_are_counted_in_the_same_bins_exactly(
    sample,
    most_keys: int,
    monkeypatch: pytest.MonkeyPatch,  # type: ignore[no-untyped-def]
) -> None:
    dice = np.random.default_rng(0)
    old, new = sample(dice, 3_000), sample(dice, 20_000)
    bins = Bins.model_validate_json(bins_of(histogram(old)).model_dump_json())
    monkeypatch.setattr(quantiles, "MOST_KEYS", most_keys)
    shared = shared_counts(bins, in_parts(new, 4))
    assert shared.sum(axis=1).tolist() == [3_000, 20_000]
    # Each shared bin is of whole bins: where numbers are counted coarsely, of several.
    ends = np.cumsum([counted(bins, old), counted(bins, new)], axis=1).T.tolist()
    assert all(end in ends for end in np.cumsum(shared, axis=1).T.tolist())
    if most_keys > 16:
        assert shared.shape[1] >= len(bins.counts) - 1


@settings(derandomize=True, deadline=None, max_examples=50)
@given(
    values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=60),
    others=st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=60),
    num_parts=st.integers(1, 4),
)
def test_any_numbers_cut_into_any_parts(values: list[float], others: list[float], num_parts: int) -> None:
    bins = bins_of(in_parts(np.array(values), min(num_parts, len(values))))
    assert bins == bins_of(histogram(np.array(values)))
    assert counted(bins, np.array(values)) == list(bins.counts)
    assert shared_counts(bins, histogram(np.array(others, dtype=np.float64))).tolist() == [
        list(bins.counts),
        counted(bins, np.array(others, dtype=np.float64)),
    ]
    json.dumps(bins.model_dump(mode="json"), allow_nan=False)
