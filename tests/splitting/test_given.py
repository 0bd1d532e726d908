"""Where the data say which rows are for the test, what else is held out may be the newest of the others."""

from __future__ import annotations

from collections import Counter

import polars as pl
import pytest

from tasks.errors import UserError
from tasks.params.split import GivenSplit
from tests.small_tables import Kind, cut, described
from tests.splitting.rows import COLUMNS, assigned, many, rows_of


def given(**settings: object) -> GivenSplit:
    return GivenSplit.model_validate({"kind": "given", "column": "part", "validation_by": "time", **settings})


def with_parts(rows: pl.DataFrame, parts: list[str]) -> pl.DataFrame:
    return rows.with_columns(part=pl.Series(parts))


def in_days(num_rows: int, num_test: int, name: str = "test") -> pl.DataFrame:
    """A row a day, of which the last are given."""
    return with_parts(
        many(num_rows, num_days=num_rows).sort("when"), ["train"] * (num_rows - num_test) + [name] * num_test
    )


def test_validation_rows_are_exactly_the_newest_of_the_train_rows() -> None:
    rows = in_days(125, 25)
    sides = assigned(given(validation=0.2), cut(rows.sample(fraction=1, shuffle=True, seed=0), [17, 60]))
    assert [sides[name] for name in rows["id"]] == ["train"] * 80 + ["validation"] * 20 + ["test"] * 25


def test_a_test_that_is_drawn_is_newer_still() -> None:
    sides = assigned(given(validation=0.2, test=0.1), [in_days(100, 0)])
    assert [sides[name] for name in in_days(100, 0)["id"]] == ["train"] * 70 + ["validation"] * 20 + ["test"] * 10
    # Beside validation rows that the data name, it is the newest of the train rows; they themselves stay what they are.
    sides = assigned(given(test=0.1), [in_days(100, 10, "validation").sort("when", descending=True)])
    by_day = [sides[name] for name in in_days(100, 10)["id"]]
    assert by_day == ["train"] * 81 + ["test"] * 9 + ["validation"] * 10


def test_rows_of_one_instant_stay_together_on_the_side_that_is_nearest() -> None:
    rows = with_parts(
        rows_of([(number, None, number // 10, "no") for number in range(120)]), ["train"] * 110 + ["test"] * 10
    )
    assert Counter(assigned(given(validation=0.13), [rows]).values()) == {"train": 100, "validation": 10, "test": 10}


def test_what_the_data_name_is_never_asked_when_it_was() -> None:
    rows = in_days(60, 20).with_columns(when=pl.when(pl.col("part") == "train").then("when"))
    assert Counter(assigned(given(validation=0.25), [rows]).values()) == {"train": 30, "validation": 10, "test": 20}


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        (
            {"when": ("timestamp", "feature")},
            "split.validation_by: no column has the role time; give it to the one that",
        ),
        (
            {"x": ("number", "time")},
            "split.validation_by: several columns have the role time: x, when; give it to the one",
        ),
        (
            {"when": ("timestamp", "id"), "who": ("category", "time")},
            "split.validation_by: column who is of type category, which has no order in time; set",
        ),
    ],
)
def test_a_column_that_does_not_say_when_is_refused(kinds: dict[str, Kind], message: str) -> None:
    with pytest.raises(UserError) as caught:
        assigned(given(), [in_days(30, 5)], described({**COLUMNS, **kinds}))
    assert str(caught.value).startswith(message)


def test_train_rows_without_an_instant_are_counted_and_refused() -> None:
    rows = in_days(60, 20).with_columns(when=pl.when(pl.int_range(pl.len()) % 20 > 0).then("when"))
    with pytest.raises(UserError) as caught:
        assigned(given(), cut(rows, [30]))
    assert str(caught.value).startswith(
        "split.validation_by: column when is missing in 2 of 40 rows, so that nobody knows"
    )


def test_one_instant_cannot_be_two_parts() -> None:
    with pytest.raises(UserError, match="column when has 1 different values, and two parts need two; bring rows"):
        assigned(given(), [with_parts(many(30, num_days=1), ["train"] * 20 + ["test"] * 10)])
