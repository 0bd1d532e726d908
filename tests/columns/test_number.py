from __future__ import annotations

from functools import reduce

import numpy as np
import polars as pl
import pytest

from tasks.columns.number import NumberColumn, NumberEncoding
from tasks.params import NormalizeNumber

NUMBER = NumberColumn()


def learnt(values: list[float | None], **settings: object) -> NumberEncoding:
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


def test_means_and_deviations_agree_with_numpy_in_the_digits_that_are_kept() -> None:
    values = np.random.default_rng(0).normal(1e6, 3, 50_000)
    settings = NormalizeNumber()
    whole = pl.Series("x", values)
    states = [NUMBER.fit(whole[start : start + 777], settings) for start in range(0, 50_000, 777)]
    in_parts = NUMBER.finish(reduce(NUMBER.merge, states), settings)
    assert in_parts == learnt(values.tolist())
    assert in_parts.impute == pytest.approx(values.mean(), rel=1e-11)
    assert 1 / in_parts.factor == pytest.approx(values.std(), rel=1e-11)
    assert NUMBER.transform(whole, in_parts).mean() == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("scale", ["standard", "min_max", "symmetric"])
@pytest.mark.parametrize(
    "values", [[1e308, -1e308, 0.0], [5e-324, 0.0], [1e-310, 2e-310], [1.0, 1.0 + 2**-52], [1e300, 1e300]]
)
def test_the_ends_of_what_a_float_can_hold(values: list[float | None], scale: str) -> None:
    encoding = learnt(values, scale=scale)
    inputs = NUMBER.transform(pl.Series("x", [*values, float("inf"), 0.0]), encoding)
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
    (between,) = NUMBER.expect("x", pl.Series("x", [10.0, None, float("inf"), 20.0]))
    assert between["kwargs"] == {"column": "x", "min_value": 5.0, "max_value": 25.0}


def test_a_range_too_wide_for_a_float_is_not_drafted() -> None:
    assert [entry["type"] for entry in NUMBER.expect("x", pl.Series("x", [1.7e308, -1.7e308]))] == [
        "expect_column_values_to_not_be_null"
    ]
