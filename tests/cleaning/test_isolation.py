from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from threadpoolctl import threadpool_limits

from tasks.cleaning.findings import ROW, SCHEMA, Found, Parts
from tasks.cleaning.isolation import RULE, isolated
from tasks.params.clean import Outliers

FOREST = Outliers(method="isolation_forest", share=0.02)
NAMES = ["x", "y", "z"]
STRANGE = [10, 200, 399]


def table(num_rows: int = 400) -> pl.DataFrame:
    """Three numbers that go together, but for three rows; each of their numbers is common by itself."""
    drawn = np.random.default_rng(0)
    x = drawn.normal(size=num_rows)
    numbers = np.stack(
        [x, x + drawn.normal(scale=0.05, size=num_rows), -x + drawn.normal(scale=0.05, size=num_rows)], 1
    )
    numbers[STRANGE] = [[2.5, -2.5, 2.5], [-2.5, 2.5, -2.5], [2.5, -2.5, -2.5]]
    return numbered(pl.DataFrame(numbers, schema=NAMES))


def numbered(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.int_range(frame.height, dtype=pl.Int64).alias(ROW))


def in_parts(frame: pl.DataFrame, size: int) -> Parts:
    return lambda: (frame.slice(start, size) for start in range(0, max(frame.height, 1), size))


def found(frame: pl.DataFrame, size: int = 1_000, how: Outliers = FOREST) -> Found:
    return isolated(in_parts(frame, size), NAMES, how)


def test_rows_whose_numbers_do_not_go_together_are_found() -> None:
    told = found(table())
    assert told.schema == pl.Schema(SCHEMA)
    assert set(STRANGE) <= set(told["row"])
    assert told["rule"].unique().to_list() == [RULE]
    assert told["reason"].str.starts_with("numbers stand apart").all()
    assert told["score"].is_between(0, 1).all()


@pytest.mark.parametrize("share", [0.001, 0.0125, 0.1])
def test_the_share_of_the_rows_is_kept(share: float) -> None:
    assert found(table(), how=FOREST.model_copy(update={"share": share})).height == int(share * 400)


@pytest.mark.parametrize("size", [13, 150, 399])
def test_the_cut_into_parts_does_not_matter(size: int) -> None:
    assert found(table(), size).equals(found(table()))


def test_the_order_of_rows_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.cleaning.isolation.MOST_ROWS", 300)
    frame = table()
    shuffled = frame.sample(fraction=1, shuffle=True, seed=1)
    assert found(shuffled, 17).equals(found(frame, 100))


def test_threads_do_not_matter() -> None:
    told = found(table())
    with threadpool_limits(1):
        assert found(table()).equals(told)


def test_missing_and_infinite_numbers_are_read() -> None:
    frame = numbered(
        pl.DataFrame(
            {"x": [None, 1.0, math.inf, 2.0] * 25, "y": [math.nan, 1.0, 1e300, -math.inf] * 25, "z": [None] * 100},
            schema_overrides={"z": pl.Float64},
        )
    )
    assert found(frame).height <= 2


def test_rows_that_tie_at_the_limit_are_not_found() -> None:
    """All alike: to take one would be to take it for its place in the table."""
    alike = pl.DataFrame({name: [1.0] * 50 for name in NAMES})
    assert found(numbered(alike), how=FOREST.model_copy(update={"share": 0.1})).is_empty()


def test_nothing_is_found_among_no_rows_and_no_columns() -> None:
    assert found(table(400).clear()).is_empty()
    assert isolated(in_parts(table(), 100), [], FOREST).is_empty()
    assert isolated(lambda: iter(()), NAMES, FOREST).is_empty()
