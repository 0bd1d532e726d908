from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tasks.errors import UserError
from tests.drafting.small_tables import NUM_ROWS, init, noise, numbers

NUMBERS = range(NUM_ROWS)


@pytest.mark.parametrize("name", ["target", "Class", "is_churned", "y", "loan default", "diagnosis"])
def test_the_name_says_it_wherever_the_column_stands(tmp_path: Path, name: str) -> None:
    rows = noise().drop("outcome").insert_column(1, pl.Series(name, ["u", "v"] * 300))
    target = init(tmp_path, rows).decisions.target
    assert (target.name, target.task, target.why) == (name, "binary", "guessed: its name says so")


def test_the_last_column_is_the_next_best(tmp_path: Path) -> None:
    target = init(tmp_path, noise().rename({"outcome": "group_name"})).decisions.target
    assert (target.name, target.why) == ("group_name", "guessed: the last column")


def test_what_else_it_could_be_is_named(tmp_path: Path) -> None:
    target = init(tmp_path, noise().with_columns(price=pl.Series([number * 7 % 613 for number in NUMBERS]))).decisions
    assert (target.target.name, target.target.runner_up) == ("price", "outcome") or target.target.runner_up == "price"


def test_the_user_knows_best(tmp_path: Path) -> None:
    draft = init(tmp_path, noise(), target="shape")
    assert (draft.decisions.target.name, draft.decisions.target.task) == ("shape", "multiclass")
    assert "target: shape\n" in draft.block


@pytest.mark.parametrize(
    ("values", "task"),
    [
        ([number % 2 for number in NUMBERS], "binary"),
        ([f"{number % 2}.0" for number in NUMBERS], "binary"),
        ([["yes", "no"][number % 2] for number in NUMBERS], "binary"),
        ([number % 9 for number in NUMBERS], "multiclass"),
        ([number % 40 for number in NUMBERS], "regression"),
        ([number % 9 + 0.5 for number in NUMBERS], "regression"),
    ],
)
def test_the_task_follows_from_the_values(tmp_path: Path, values: list[object], task: str) -> None:
    rows = noise().with_columns(pl.Series("outcome", values))
    assert init(tmp_path, rows, target="outcome").decisions.target.task == task


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("outcom", "has no column outcom; did you mean outcome?"),
        ("same", "column same has the same value in all rows"),
        ("none", "column none has no value in any row"),
        ("note", "column note holds too many or too long values to be classes"),
        ("day", "column day holds values of the type timestamp"),
    ],
)
def test_a_target_that_cannot_be_predicted_is_refused(tmp_path: Path, target: str, message: str) -> None:
    rows = noise().with_columns(
        same=pl.lit("x"),
        none=pl.lit(None, dtype=pl.String),
        note=pl.Series([f"note {number} of many " * 9 for number in NUMBERS]),
        day=pl.Series([f"2020-01-{number % 28 + 1:02}" for number in NUMBERS]),
    )
    with pytest.raises(UserError, match=message.replace("?", r"\?")):
        init(tmp_path, rows, target=target)


def test_without_a_likely_target_the_user_is_asked(tmp_path: Path) -> None:
    rows = numbers().rename({"first": "order_id", "second": "year", "third": "product id"})
    with pytest.raises(UserError, match="name it with --target \\(columns are order_id, year, product id\\)"):
        init(tmp_path, rows)
