"""What must hold for every kind of split, whatever the rows, their order, and how they are cut into parts."""

from __future__ import annotations

import random
from typing import Any

import polars as pl
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from tasks.errors import UserError
from tasks.params.split import Split
from tests.small_tables import cut
from tests.splitting.rows import CONTENT, assigned, sides_of, tables

KINDS: dict[str, dict[str, Any]] = {
    "hash": {"kind": "hash", "validation": 0.3, "test": 0.3},
    "hash, counts": {"kind": "hash", "validation": 3, "test": 4},
    "hash, a count and a share": {"kind": "hash", "validation": 0.25, "test": 3},
    "group": {"kind": "group", "validation": 0.3, "test": 0.3},
    "group, counts": {"kind": "group", "validation": 3, "test": 4},
    "time": {"kind": "time", "validation": 0.3, "test": 0.2},
    "time, counts": {"kind": "time", "validation": 3, "test": 4},
}


def config(name: str, **more: Any) -> Split:
    chosen: Split = TypeAdapter(Split).validate_python({**KINDS[name], **more})
    return chosen


def sides(name: str, parts: list[pl.DataFrame], **more: Any) -> dict[str, str]:
    try:
        return assigned(config(name, **more), parts)
    except UserError as error:
        if "and three parts need three" not in str(error):
            raise
        reject()


@pytest.mark.parametrize("name", KINDS)
@settings(derandomize=True, max_examples=25, deadline=None)
@given(rows=tables, places=st.lists(st.integers(0, 60), max_size=3), seed=st.integers(0, 99))
def test_neither_order_nor_cut_moves_a_row_and_identical_ones_stay_together(
    name: str, rows: pl.DataFrame, places: list[int], seed: int
) -> None:
    parts = sides(name, [rows])
    assert len(parts) == rows.height
    assert set(parts.values()) <= {"train", "validation", "test"}
    shuffled = rows[random.Random(seed).sample(range(rows.height), rows.height)]
    assert sides(name, cut(shuffled, places)) == parts
    # Ids tell these rows apart, so that rows of one content are together where the key says so.
    in_content = sides(name, [rows], **({} if name.startswith("time") else {"key": CONTENT}))
    assert set(sides_of(rows, in_content, CONTENT)) == {1}


@pytest.mark.parametrize("name", ["group", "group, counts"])
@settings(derandomize=True, max_examples=25, deadline=None)
@given(rows=tables)
def test_no_group_is_on_two_sides(name: str, rows: pl.DataFrame) -> None:
    parts = sides(name, [rows])
    assert set(sides_of(rows.drop_nulls("who"), parts, ["who"])) <= {1}


@pytest.mark.parametrize("name", ["time", "time, counts"])
@settings(derandomize=True, max_examples=25, deadline=None)
@given(rows=tables)
def test_no_row_of_train_is_later_than_one_of_validation_nor_that_than_one_of_the_test(
    name: str, rows: pl.DataFrame
) -> None:
    parts = sides(name, [rows])
    days = {
        side: rows.filter(pl.col("id").replace_strict(parts, return_dtype=pl.String) == side)["when"]
        for side in ("train", "validation", "test")
    }
    assert all(len(of_side) for of_side in days.values())
    assert days["train"].max() < days["validation"].min()  # type: ignore[operator]
    assert days["validation"].max() < days["test"].min()  # type: ignore[operator]


@settings(derandomize=True, max_examples=25, deadline=None)
@given(rows=tables, test=st.integers(1, 5), validation=st.integers(1, 5))
def test_counts_are_exact_when_all_rows_differ(rows: pl.DataFrame, test: int, validation: int) -> None:
    different = rows.with_columns(x=pl.int_range(pl.len()).cast(pl.Float64))
    parts = list(assigned(config("hash, counts", test=test, validation=validation), [different]).values())
    assert (parts.count("test"), parts.count("validation")) == (test, validation)
