from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any, get_args

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.preprocessing import PowerTransformer, QuantileTransformer, RobustScaler

from tasks.columns.number.column import NumberColumn, NumberEncoding
from tasks.params.normalize import NormalizeNumber, NumberScale
from tests.shared_data import shared

NUMBER = NumberColumn()
SCALES = list(get_args(NumberScale))


def learnt(values: Sequence[float | None], **settings: object) -> NumberEncoding:
    chosen = NormalizeNumber.model_validate(settings)
    return NUMBER.finish(NUMBER.fit(pl.Series("x", values, dtype=pl.Float64), chosen), chosen)


@pytest.mark.parametrize(
    ("values", "is_number"),
    [
        (["1", " -2.5 ", "1e3", None], True),
        (["0", "0.5", "-0.5", "00"], False),
        (["007", "12"], False),
        ([" -01"], False),
        (["1,5"], False),
        (["1", ""], False),
        ([True, False], False),
        ([1, None], True),
        ([b"1"], False),
    ],
)
def test_what_reads_as_a_number(values: list[object], is_number: bool) -> None:
    assert NUMBER.could_be(pl.Series("x", values)) is is_number


def test_cast_reads_what_it_can() -> None:
    values = NUMBER.cast(pl.Series("x", ["1", " 2.5", "old", "", "nan", "inf", None]))
    assert values.to_list() == [1.0, 2.5, None, None, None, float("inf"), None]
    assert NUMBER.cast(pl.Series("x", [1.0, float("nan")])).to_list() == [1.0, None]
    assert NUMBER.cast(pl.Series("x", [True, False])).to_list() == [1.0, 0.0]


def test_the_mean_of_numbers_that_cancel_out_is_zero_in_any_order() -> None:
    """What is left of such a sum is noise, which depends on where parts are cut."""
    values = [0.1, 0.2, 0.3, -0.3, -0.2, -0.1]
    assert learnt(values).impute == learnt(values[::-1]).impute == 0.0
    assert learnt([1e9, -1e9, 1e-9]).model_dump_json().count("-0.0") == 0


def test_means_and_stds_agree_with_numpy_in_the_digits_that_are_kept() -> None:
    values = np.random.default_rng(0).normal(1e6, 3, 50_000)
    settings = NormalizeNumber()
    whole = pl.Series("x", values)
    states = [NUMBER.fit(whole[start : start + 777], settings) for start in range(0, 50_000, 777)]
    in_parts = NUMBER.finish(reduce(NUMBER.merge, states), settings)
    assert in_parts == learnt(values.tolist())
    assert in_parts.impute == pytest.approx(values.mean(), rel=1e-11)
    assert 1 / in_parts.factor == pytest.approx(values.std(), rel=1e-11)
    assert NUMBER.transform(whole, in_parts).mean() == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize(
    "values", [[1e308, -1e308, 0.0], [5e-324, 0.0], [1e-310, 2e-310], [1.0, 1.0 + 2**-52], [1e300, 1e300]]
)
def test_the_ends_of_what_a_float_can_hold(values: list[float | None], scale: str) -> None:
    encoding = learnt(values, scale=scale)
    inputs = NUMBER.transform(pl.Series("x", [*values, float("inf"), 0.0, 1e300, -5e-324]), encoding)
    assert np.isfinite(inputs).all()
    assert np.isfinite([encoding.factor, encoding.offset, encoding.impute]).all()
    assert encoding.factor > 0


def test_what_float32_cannot_hold_becomes_the_largest_it_can() -> None:
    inputs = NUMBER.transform(pl.Series("x", [1e300, float("-inf")]), learnt([0.0, 1.0], scale="none"))
    assert inputs.tolist() == [[np.finfo(np.float32).max], [np.finfo(np.float32).min]]


def test_a_drafted_range_reaches_beyond_what_was_seen() -> None:
    between, present = NUMBER.expect("x", pl.Series("x", [10.0, 20.0]))
    assert between["kwargs"] == {"column": "x", "min_value": 5.0, "max_value": 25.0}
    assert (between["severity"], present["severity"]) == ("critical", "warning")
    assert present["type"] == "expect_column_values_to_not_be_null"
    # To the digits that a person reads: as doubles these are 219.07000000000002, which rounds up to 219.070000001.
    (prices, _) = NUMBER.expect("x", pl.Series("x", [15.01, 151.05]))
    assert prices["kwargs"] == {"column": "x", "min_value": -53.01, "max_value": 219.07}
    (between,) = NUMBER.expect("x", pl.Series("x", [10.0, None, float("inf"), 20.0]))
    assert between["kwargs"] == {"column": "x", "min_value": 5.0, "max_value": 25.0}


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=4))
@example([20230301181139.0, 20230301181140.0])
@example([20230301181139.0, 20230301181139.5])
@example([0.1, 0.1 + 2**-55])
@example([-5e-324, 5e-324])
def test_a_drafted_range_never_shuts_out_what_it_was_drafted_from(values: list[float]) -> None:
    for between in NUMBER.expect("x", pl.Series("x", [*values, None])):
        limits = between["kwargs"]
        assert limits["min_value"] <= min(values) <= max(values) <= limits["max_value"]
        assert len(f"{abs(limits['max_value']):e}".split("e")[0]) <= 14


def test_a_single_value_has_no_range() -> None:
    assert NUMBER.expect("x", pl.Series("x", [20230301181139.0, None, 20230301181139.0])) == []


def test_a_range_too_wide_for_a_float_is_not_drafted() -> None:
    assert [entry["type"] for entry in NUMBER.expect("x", pl.Series("x", [1.7e308, -1.7e308]))] == [
        "expect_column_values_to_not_be_null"
    ]


def encoded(values: list[float | None], encoding: NumberEncoding) -> NDArray[np.float32]:
    return NUMBER.transform(pl.Series("x", values, dtype=pl.Float64), encoding)


def test_robust_is_not_moved_by_a_number_far_away() -> None:
    values: list[float | None] = [1, 2, 3, 4, 5]
    encoding = learnt([*values[:-1], 1e6], scale="robust")
    assert encoded([3, 4, 2, 1e6], encoding)[:3, 0].tolist() == [0, 0.5, -0.5]
    assert learnt([2.0, 2, 2, 2, 9], scale="robust").factor == 1


def test_quantile_spreads_evenly_whatever_the_shape() -> None:
    values = np.random.default_rng(0).lognormal(0, 2, 5_000)
    encoding = learnt(values.tolist(), scale="quantile")
    found = np.sort(NUMBER.transform(pl.Series("x", values), encoding)[:, 0])
    assert found == pytest.approx(np.linspace(0, 1, 5_000), abs=2e-3)
    assert len(encoding.quantiles) == 1_001
    assert encoded([-1, 1e9], encoding)[:, 0].tolist() == [0, 1]


@pytest.mark.parametrize("scale", ["log", "power"])
def test_bent_numbers_are_standardized(scale: str) -> None:
    values = np.random.default_rng(0).lognormal(3, 1, 40_000)
    found = NUMBER.transform(pl.Series("x", values), learnt(values.tolist(), scale=scale))[:, 0].astype(np.float64)
    assert (found.mean(), found.std()) == pytest.approx((0, 1), abs=1e-4)
    assert abs((found**3).mean()) < abs((((values - values.mean()) / values.std()) ** 3).mean()) / 10


@pytest.mark.parametrize(
    ("how", "stand_in"), [("mean", 3.0), ("median", 2.5), ("most_frequent", 2.0), ("constant", 7.5), ("zero", 0.0)]
)
def test_what_stands_in_for_a_missing_number(how: str, stand_in: float) -> None:
    value = {"value": 7.5} if how == "constant" else {}
    encoding = learnt([2, 2, 3, 3, 1, 7, None], impute=how, **value)
    assert encoding.impute == stand_in
    assert np.array_equal(encoded([None], encoding)[:, 0], encoded([stand_in], encoding)[:, 0])
    assert encoded([None, stand_in], encoding)[:, 1].tolist() == [1, 0]


def test_only_what_the_settings_ask_for_is_counted() -> None:
    values = pl.Series("x", [1.0, 2.0])
    plain = NUMBER.fit(values, NormalizeNumber())
    assert (plain.counts, plain.logarithms) == (None, None)
    assert NUMBER.fit(values, NormalizeNumber(scale="log")).counts is None
    assert NUMBER.fit(values, NormalizeNumber(impute="median")).counts is not None
    assert NUMBER.fit(values, NormalizeNumber(scale="power")).logarithms is None


@pytest.mark.parametrize("scale", SCALES)
@settings(derandomize=True, deadline=None, max_examples=8)
@given(data=st.data())
def test_one_value_is_encoded_as_it_is_among_many(scale: str, data: st.DataObject) -> None:
    floats = st.none() | st.floats(allow_nan=False, allow_infinity=False)
    values = data.draw(st.lists(floats, min_size=20, max_size=30))
    encoding = learnt([*values[:10], 1.0], scale=scale)
    one_by_one = [encoded([value], encoding) for value in values]
    assert np.array_equal(np.concatenate(one_by_one), encoded(values, encoding))


@pytest.mark.parametrize("scale", ["robust", "quantile", "power"])
def test_many_numbers_cut_into_parts_lead_to_the_same_recipe(scale: str) -> None:
    values = np.random.default_rng(0).lognormal(0, 3, 50_000)
    chosen = NormalizeNumber.model_validate({"scale": scale, "impute": "median"})
    parts = [NUMBER.fit(pl.Series("x", part), chosen) for part in np.array_split(values[::-1], 7)]
    in_parts = NUMBER.finish(reduce(NUMBER.merge, parts), chosen)
    assert in_parts.model_dump_json() == learnt(values.tolist(), scale=scale, impute="median").model_dump_json()


def test_a_recipe_of_an_earlier_version_is_read() -> None:
    text = '{"type": "number", "impute": 2.0, "factor": 0.5, "offset": -1.0, "indicator": false}'
    encoding = NumberEncoding.model_validate_json(text)
    assert encoded([4.0, None], encoding).tolist() == [[1.0], [0.0]]


@pytest.mark.parametrize("column", ["total_rooms", "median_income", "total_bedrooms"])
@pytest.mark.parametrize(
    ("scale", "reference"),
    [
        ("robust", RobustScaler()),
        ("quantile", QuantileTransformer(n_quantiles=1_001, subsample=None)),
        ("power", PowerTransformer()),
    ],
)
def test_real_numbers_become_what_scikit_learn_makes_of_them(scale: str, reference: Any, column: str) -> None:
    values = pl.read_csv(shared("california-housing/housing.csv"))[column].cast(pl.Float64).drop_nulls()
    expected = reference.fit_transform(values.to_numpy()[:, None])
    found = NUMBER.transform(values, learnt(values.to_list(), scale=scale))
    assert found == pytest.approx(expected, abs=1e-3 if scale == "power" else 1e-5)
