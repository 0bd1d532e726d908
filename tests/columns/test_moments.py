from __future__ import annotations

from functools import reduce

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.columns.moments import Moments, factor_and_offset, merged, moments, weighted_moments

examples = settings(derandomize=True, deadline=None, max_examples=50)
NUMBERS = st.lists(st.floats(-1e12, 1e12, allow_subnormal=False), min_size=1, max_size=20)


def kept(seen: Moments) -> tuple[object, ...]:
    return (seen.count, seen.minimum, seen.maximum, seen.rounded_mean, seen.center_and_deviation)


@examples
@given(values=NUMBERS, place=st.integers(0, 20))
def test_parts_together_are_the_whole(values: list[float], place: int) -> None:
    parts = [moments(np.array(part)) for part in (values[:place], values[place:], [])]
    assert kept(reduce(merged, parts)) == kept(moments(np.array(values)))


@examples
@given(values=NUMBERS, counts=st.lists(st.integers(1, 5), min_size=20, max_size=20))
def test_a_weight_is_so_many_of_the_same(values: list[float], counts: list[int]) -> None:
    weights = np.array(counts[: len(values)])
    assert kept(weighted_moments(np.array(values), weights)) == kept(moments(np.repeat(values, weights)))


def test_moments_are_numpys() -> None:
    values = np.random.default_rng(0).normal(1e6, 2, 10_000)
    center, deviation = moments(values).center_and_deviation
    assert center == pytest.approx(values.mean(), rel=1e-11)
    assert deviation == pytest.approx(values.std(), rel=1e-11)


def test_what_has_no_width_is_only_moved() -> None:
    assert factor_and_offset(3.0, 0.0) == (1.0, -3.0)
    assert factor_and_offset(3.0, 2.0) == (0.5, -1.5)
