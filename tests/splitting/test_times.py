from __future__ import annotations

from collections import Counter

import polars as pl
import pytest

from tasks.errors import UserError
from tasks.params.split import TimeSplit
from tests.small_tables import Kind, cut, described
from tests.splitting.rows import COLUMNS, assigned, many, rows_of


def time(**settings: object) -> TimeSplit:
    return TimeSplit.model_validate({"kind": "time", **settings})


@pytest.mark.parametrize("sizes", [{"validation": 0.2, "test": 0.1}, {"validation": 20, "test": 10}])
def test_the_latest_are_the_test(sizes: dict[str, float]) -> None:
    rows = many(100, num_days=100)
    sides = assigned(time(**sizes), cut(rows.reverse(), [17, 60]))
    by_day = [sides[name] for name in rows.sort("when")["id"]]
    assert by_day == ["train"] * 70 + ["validation"] * 20 + ["test"] * 10


def test_rows_of_one_instant_stay_together_and_the_nearest_size_is_taken() -> None:
    rows = rows_of([(number, None, number // 10, "no") for number in range(100)])
    assert Counter(assigned(time(validation=26, test=14), [rows]).values()) == {
        "train": 60,
        "validation": 30,
        "test": 10,
    }


def test_a_number_says_when_too_and_may_be_a_feature() -> None:
    rows = many(50)
    sides = assigned(time(column="x", test=5, validation=5), [rows])
    assert [name for name, side in sides.items() if side == "test"] == ["45", "46", "47", "48", "49"]


def test_before_1970_is_earlier_still() -> None:
    rows = rows_of([(number, None, number - 40_000, "no") for number in range(30)])
    sides = assigned(time(test=3, validation=3), [rows])
    assert [name for name, side in sides.items() if side == "test"] == ["27", "28", "29"]


@pytest.mark.parametrize(
    ("kinds", "settings", "message"),
    [
        ({"when": ("timestamp", "feature")}, {}, "split: no column has the role time; give one that role"),
        (
            {},
            {"column": "who"},
            "split.column: column who is of type category, which has no order in time; set "
            "ingest.columns.who.type to timestamp or number",
        ),
        (
            {"x": ("number", "target"), "label": ("category", "feature")},
            {"column": "x"},
            "split.column: column x is the target",
        ),
        ({}, {"column": "wen"}, "split.column: there is no column wen; did you mean when?"),
    ],
)
def test_a_column_that_is_of_no_use_is_refused(kinds: dict[str, Kind], settings: dict[str, str], message: str) -> None:
    with pytest.raises(UserError) as caught:
        assigned(time(**settings), [many(30)], described({**COLUMNS, **kinds}))
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(("name", "value"), [("when", None), ("x", None), ("x", float("nan"))])
def test_rows_without_an_instant_are_counted_and_refused(name: str, value: float | None) -> None:
    rows = many(60).with_columns(
        pl.when(pl.int_range(pl.len()) % 20 == 0).then(pl.lit(value)).otherwise(pl.col(name)).alias(name)
    )
    with pytest.raises(UserError) as caught:
        assigned(time(column=name), cut(rows, [30]))
    assert str(caught.value).startswith(f"split.column: column {name} is missing in 3 of 60 rows, so that nobody knows")
    assert "expect_column_values_to_not_be_null" in str(caught.value)


def test_two_instants_cannot_be_three_parts() -> None:
    with pytest.raises(UserError, match="column when has 2 different values, and three parts need three; bring rows"):
        assigned(time(), [many(30, num_days=2)])
