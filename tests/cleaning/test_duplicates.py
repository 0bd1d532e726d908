from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tasks.cleaning import duplicates
from tasks.cleaning.duplicates import RepeatedRows, find_repeats, row_marks
from tasks.cleaning.findings import ALL_TRAIN, PartStarts
from tasks.tables.dataset import Dataset
from tests.small_tables import Kind, cut, described

COLUMNS: dict[str, Kind] = {
    "size": ("number", "feature"),
    "colour": ("category", "feature"),
    "shop": ("category", "group"),
    "label": ("category", "target"),
}
DATASET = described(COLUMNS)
SCHEMA = {"size": pl.Float64, "colour": pl.String, "shop": pl.String, "label": pl.String}

Row = tuple[float | None, str | None, str, str]
ROWS = st.tuples(
    st.sampled_from([None, 1.0, 2.0]), st.sampled_from([None, "red", ""]), st.sampled_from("ab"), st.sampled_from("yn")
)


def table(rows: Sequence[Row]) -> pl.DataFrame:
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    return frame.with_columns(pl.Series("_row", range(len(rows)), dtype=pl.Int64))


def search(parts: Iterable[pl.DataFrame], dataset: Dataset, starts: PartStarts = ALL_TRAIN) -> RepeatedRows:
    """As `clean` does it: each part's rows are numbered from 0, and moved to where the part begins."""
    first = [0]

    def marks() -> Iterator[tuple[int, NDArray[np.void]]]:
        for part in parts:
            yield first[-1], row_marks(dataset, part.with_columns(pl.int_range(pl.len()).alias("_row")))
            first.append(first[-1] + part.height)

    return find_repeats(marks(), dataset, lambda: starts)


def repeats(rows: Sequence[Row], places: Sequence[int] = ()) -> tuple[list[int], list[int]]:
    repeats = search(cut(table(rows), places), DATASET)
    return repeats.duplicates["row"].to_list(), repeats.conflicts["row"].to_list()


def expected(rows: Sequence[Row]) -> tuple[list[int], list[int]]:
    again = [number for number, row in enumerate(rows) if row in rows[:number]]
    left = [number for number in range(len(rows)) if number not in again]
    against = [
        number
        for number in left
        if any(rows[other][:2] == rows[number][:2] and rows[other][3] != rows[number][3] for other in left)
    ]
    return again, against


def test_rows_that_repeat_and_rows_that_contradict() -> None:
    rows: list[Row] = [
        (1.0, "red", "a", "y"),
        (1.0, "red", "a", "y"),
        (1.0, "red", "a", "n"),
        (1.0, "red", "b", "y"),
        (2.0, "red", "a", "y"),
        (-0.0, None, "a", "y"),
        (0.0, None, "a", "y"),
    ]
    assert repeats(rows) == ([1, 6], [0, 2, 3])


def test_what_is_said_of_them() -> None:
    repeats = search([table([(1.0, "red", "a", "y")] * 2 + [(1.0, "red", "a", "n")])], DATASET)
    assert repeats.duplicates.rows() == [(1, "duplicate", "the same values stand in an earlier row", None)]
    reason = "rows with the same features have another label"
    assert repeats.conflicts.rows() == [(0, "conflict", reason, None), (2, "conflict", reason, None)]


def with_ids(ids: Sequence[str], rows: Sequence[Row]) -> RepeatedRows:
    frame = table(rows).with_columns(id=pl.Series(ids))
    return search([frame], described({**COLUMNS, "id": ("category", "id")}))


def test_rows_with_ids_of_their_own_are_events_of_their_own_and_counted() -> None:
    rows: list[Row] = [(1.0, "red", "a", "y")] * 4 + [(2.0, "red", "a", "y")]
    repeats = with_ids(["7", "7", "8", "9", "9"], rows)
    assert repeats.duplicates["row"].to_list() == [1]
    # Rows 2 and 3 say what row 0 says, under other ids.
    assert repeats.num_alike == 2


def test_training_rows_contradict_each_other_and_not_those_that_are_judged_on() -> None:
    rows: list[Row] = [(1.0, "red", "a", "y"), (2.0, "red", "a", "n"), (1.0, "red", "a", "n"), (2.0, "red", "a", "n")]
    frame = table([*rows, (3.0, "red", "a", "y"), (3.0, "red", "a", "n")])
    repeats = search([frame], DATASET, PartStarts(validation=1, train=2))
    # Row 0 is of the test, and row 2, which contradicts it, is of train: only row 0 is told.
    assert repeats.conflicts["row"].to_list() == [0, 4, 5]


def test_a_table_without_rows() -> None:
    assert repeats([]) == ([], [])


@settings(derandomize=True, max_examples=100, deadline=None)
@given(rows=st.lists(ROWS, max_size=20), places=st.lists(st.integers(0, 20), max_size=3))
def test_the_same_wherever_parts_are_cut(rows: list[Row], places: list[int]) -> None:
    assert repeats(rows, places) == expected(rows)


@pytest.mark.parametrize("rows_at_once", [1, 3, 7])
def test_the_same_however_much_is_sorted_at_once(monkeypatch: pytest.MonkeyPatch, rows_at_once: int) -> None:
    rows: list[Row] = [(float(n % 5), "red", "ab"[n % 2], "yn"[n % 3 == 0]) for n in range(40)]
    monkeypatch.setattr(duplicates, "_ROWS_AT_ONCE", rows_at_once)
    assert repeats(rows, [11]) == expected(rows)
