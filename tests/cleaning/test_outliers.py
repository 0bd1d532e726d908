from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from tasks.cleaning.findings import ROW, SCHEMA, Findings, Parts
from tasks.cleaning.outliers import RULE, Bounds, isolated, learn_bounds, outside
from tasks.params.clean import Outliers

INVARIANT = settings(derandomize=True, deadline=None, max_examples=40)
IQR, MAD = Outliers(method="iqr"), Outliers(method="mad")


FOREST = Outliers(method="isolation_forest", share=0.02)
NAMES = ["x", "y", "z"]
STRANGE = [10, 200, 399]


def numbered(**columns: list[float | None]) -> pl.DataFrame:
    return with_numbers(pl.DataFrame({name: pl.Series(values, dtype=pl.Float64) for name, values in columns.items()}))


def with_numbers(frame: pl.DataFrame) -> pl.DataFrame:
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
    findings = outside(whole, bounds)
    assert outside(cut, bounds).equals(findings)
    assert findings["score"].is_finite().all()
    assert findings["row"].is_sorted()


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
    findings = outside(in_parts(frame, 2), bounds)
    assert findings.schema == pl.Schema(SCHEMA)
    assert findings.rows() == [
        (0, RULE, "age is -70, below 0 (mad)", 3.5),
        (1, RULE, "size is 1e+09, above 320 (iqr)", (1e9 - 320) / 10),
    ]


def test_a_number_that_reads_like_its_bound_is_told_with_all_its_digits() -> None:
    bounds = {"x": Bounds(low=0, high=320, spread=1, method="iqr")}
    findings = outside(in_parts(numbered(x=[320.0, 320.00001, math.inf])), bounds)
    assert findings["reason"].to_list() == ["x is 320.00001, above 320 (iqr)", "x is inf, above 320 (iqr)"]
    assert findings["score"].is_finite().all()


def test_nothing_is_outside_without_bounds() -> None:
    assert outside(in_parts(numbered(x=[1.0])), {"x": None}).is_empty()
    assert outside(in_parts(numbered(x=[])), {"x": Bounds(low=0, high=1, spread=1, method="iqr")}).is_empty()


def table(num_rows: int = 400) -> pl.DataFrame:
    """Three numbers that go together, but for three rows; each of their numbers is common by itself."""
    drawn = np.random.default_rng(0)
    x = drawn.normal(size=num_rows)
    numbers = np.stack(
        [x, x + drawn.normal(scale=0.05, size=num_rows), -x + drawn.normal(scale=0.05, size=num_rows)], 1
    )
    numbers[STRANGE] = [[2.5, -2.5, 2.5], [-2.5, 2.5, -2.5], [2.5, -2.5, -2.5]]
    return with_numbers(pl.DataFrame(numbers, schema=NAMES))


def isolated_rows(frame: pl.DataFrame, size: int = 1_000, how: Outliers = FOREST) -> Findings:
    return isolated(in_parts(frame, size), NAMES, how)


def test_rows_whose_numbers_do_not_go_together_are_found() -> None:
    rows = isolated_rows(table())
    assert rows.schema == pl.Schema(SCHEMA)
    assert set(STRANGE) <= set(rows["row"])
    assert rows["rule"].unique().to_list() == [RULE]
    assert rows["reason"].str.starts_with("numbers stand apart").all()
    assert rows["score"].is_between(0, 1).all()


@pytest.mark.parametrize("share", [0.001, 0.0125, 0.1])
def test_the_share_of_the_rows_is_kept(share: float) -> None:
    assert isolated_rows(table(), how=FOREST.model_copy(update={"share": share})).height == int(share * 400)


@pytest.mark.parametrize("size", [13, 150, 399])
def test_the_cut_into_parts_does_not_matter_to_the_forest(size: int) -> None:
    assert isolated_rows(table(), size).equals(isolated_rows(table()))


def test_the_order_of_rows_does_not_matter_to_the_forest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.cleaning.outliers.MOST_ROWS", 300)
    frame = table()
    shuffled = frame.sample(fraction=1, shuffle=True, seed=1)
    assert isolated_rows(shuffled, 17).equals(isolated_rows(frame, 100))


def test_threads_do_not_matter_to_the_forest() -> None:
    rows = isolated_rows(table())
    with threadpool_limits(1):
        assert isolated_rows(table()).equals(rows)


def test_missing_and_infinite_numbers_are_read() -> None:
    frame = with_numbers(
        pl.DataFrame(
            {"x": [None, 1.0, math.inf, 2.0] * 25, "y": [math.nan, 1.0, 1e300, -math.inf] * 25, "z": [None] * 100},
            schema_overrides={"z": pl.Float64},
        )
    )
    assert isolated_rows(frame).height <= 2


def test_rows_that_tie_at_the_limit_are_not_found() -> None:
    """All alike: to take one would be to take it for its place in the table."""
    alike = pl.DataFrame({name: [1.0] * 50 for name in NAMES})
    assert isolated_rows(with_numbers(alike), how=FOREST.model_copy(update={"share": 0.1})).is_empty()


def test_nothing_is_found_among_no_rows_and_no_columns() -> None:
    assert isolated_rows(table(400).clear()).is_empty()
    assert isolated(in_parts(table(), 100), [], FOREST).is_empty()
    assert isolated(lambda: iter(()), NAMES, FOREST).is_empty()
