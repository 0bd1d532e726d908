from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.preprocessing import PowerTransformer, QuantileTransformer

from tasks.columns.number.power_transforms import PowerTransform, best_power, logarithm, quantile_levels, yeo_johnson
from tasks.columns.quantiles import histogram

examples = settings(derandomize=True, deadline=None, max_examples=60)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
Doubles = NDArray[np.float64]


def skewed(name: str, size: int = 3_000) -> Doubles:
    draw = np.random.default_rng(0)
    match name:
        case "normal":
            return draw.normal(5, 2, size)
        case "lognormal":
            return draw.lognormal(2, 1, size)
        case "left":
            return -draw.gamma(2, 3, size)
        case "both sides":
            return draw.normal(0, 1, size) ** 3
        case _:
            return draw.poisson(2, size).astype(np.float64)


def power_of(values: Doubles) -> float:
    return best_power(*histogram(values).weighted_values())


def test_the_logarithm_is_odd_and_rises() -> None:
    values = np.array([-1e308, -np.e + 1, -1e-20, 0, 1e-20, np.e - 1, 1e308])
    assert logarithm(values) == pytest.approx([-709.196209, -1, -1e-20, 0, 1e-20, 1, 709.196209])


@pytest.mark.parametrize("name", ["normal", "lognormal", "left", "both sides", "counts"])
def test_the_power_is_that_of_scikit_learn(name: str) -> None:
    values = skewed(name)
    reference = PowerTransformer(standardize=False).fit(values[:, None])
    found = power_of(values)
    assert found == pytest.approx(reference.lambdas_[0], abs=1e-4)
    expected = reference.transform(values[:, None])[:, 0]
    assert yeo_johnson(values, float(reference.lambdas_[0])) == pytest.approx(expected, rel=1e-12)


def test_a_power_of_many_buckets_is_near_that_of_all_numbers() -> None:
    values = skewed("lognormal", 60_000)
    seen = histogram(values)
    assert seen.bits < 64
    everything = best_power(np.sort(values), np.ones(len(values), dtype=np.int64))
    assert best_power(*seen.weighted_values()) == pytest.approx(everything, abs=1e-4)


@pytest.mark.parametrize("power", [-2.0, 0.0, 0.5, 1.0, 2.0, 3.5])
def test_a_power_as_it_is_written(power: float) -> None:
    above = ((1 + 3.0) ** power - 1) / power if power else np.log(4)
    mirrored = 2 - power
    below = -((1 + 3.0) ** mirrored - 1) / mirrored if mirrored else -np.log(4)
    assert yeo_johnson(np.array([3.0, -3.0, 0.0]), power) == pytest.approx([above, below, 0])


@examples
@given(values=st.lists(FINITE, min_size=1, max_size=20), counts=st.lists(st.integers(1, 9), min_size=20, max_size=20))
def test_any_numbers_have_a_power_that_turns_them_into_numbers(values: list[float], counts: list[int]) -> None:
    distinct = np.unique(np.array(values) + 0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        power = best_power(distinct, np.array(counts[: len(distinct)]))
        transformed = yeo_johnson(distinct, power)
    assert -10 <= power <= 12
    assert np.isfinite(transformed).all()
    assert (np.diff(transformed) >= 0).all()


@examples
@given(
    transform=st.sampled_from(
        [PowerTransform("log"), *(PowerTransform("power", power=power) for power in (-10.0, 0.0, 1.5, 2.0, 12.0))]
    ),
    values=st.lists(FINITE, min_size=2, max_size=10),
)
def test_curves_rise_and_are_never_nan(transform: PowerTransform, values: list[float]) -> None:
    transformed = transform(np.sort(values))
    assert not np.isnan(transformed).any()
    assert (transformed[1:] >= transformed[:-1]).all()


def test_numbers_too_close_together_are_not_changed() -> None:
    assert power_of(1.7e18 + np.arange(10, dtype=np.float64) * 256) == 1
    assert power_of(np.array([7.0, 7.0])) == 1
    assert power_of(np.array([0.0])) == 1


def test_years_are_transformed_only_as_far_as_a_double_can_tell_them_apart() -> None:
    values = np.random.default_rng(0).integers(1980, 2025, 500).astype(np.float64)
    transformed = yeo_johnson(values, power_of(values))
    assert len(np.unique(((transformed - transformed.mean()) / transformed.std()).astype(np.float32))) == len(
        np.unique(values)
    )


@pytest.mark.parametrize("name", ["normal", "counts", "both sides"])
@pytest.mark.parametrize("size", [2, 500, 3_000])
def test_quantile_levels_are_those_of_scikit_learn(name: str, size: int) -> None:
    values = skewed(name, size)
    num_quantiles = min(size, 1_001)
    reference = QuantileTransformer(n_quantiles=num_quantiles, subsample=None).fit(values[:, None])
    quantiles = np.maximum.accumulate(histogram(values).quantiles(np.linspace(0, 1, num_quantiles)))
    asked = np.concatenate([values, skewed("normal", 50), [-1e9, 1e9]])
    expected = reference.transform(asked[:, None])[:, 0]
    assert PowerTransform("quantile", quantiles=tuple(quantiles.tolist()))(asked) == pytest.approx(expected, abs=1e-9)


@examples
@given(
    seen=st.lists(FINITE, min_size=1, max_size=12),
    asked=st.lists(FINITE | st.sampled_from([np.inf, -np.inf, 5e-324]), max_size=12),
)
def test_quantile_levels_lie_between_0_and_1_and_rise(seen: list[float], asked: list[float]) -> None:
    found = quantile_levels(np.sort(asked), np.sort(seen), np.linspace(0, 1, len(seen)))
    assert ((found >= 0) & (found <= 1)).all()
    assert (np.diff(found) >= -1e-12).all()
