from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.drafting.column_statistics import MAX_COUNTED
from tasks.drafting.profile import ProfilePlan, SourceProfile, Tokens, profile
from tasks.sources.base import NumberFormat
from tests.small_tables import cut

ROWS = pl.DataFrame(
    {
        "id": range(4_000),
        "few": [f"{number % 7}" for number in range(4_000)],
        "many": [f"word{number % 1_500}" for number in range(4_000)],
        "mixed": ["?" if number % 10 == 0 else None if number % 11 == 0 else f"{number}.5" for number in range(4_000)],
        "bytes": [b"%d" % (number % 3) for number in range(4_000)],
    }
)


def summary(profiled: SourceProfile) -> dict[str, object]:
    """Everything that may be compared."""
    columns = {
        name: (state.num_rows, state.num_missing, state.num_numbers, state.num_distinct, state.extremes, state.counts)
        for name, state in profiled.columns.items()
    }
    return {"columns": columns, "again": profiled.num_duplicates, "sample": profiled.sample.to_dicts()}


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 4_000), max_size=4))
def test_it_does_not_matter_how_the_rows_are_cut(places: list[int]) -> None:
    assert summary(profile(cut(ROWS, places), ProfilePlan())) == summary(profile([ROWS], ProfilePlan()))


def test_a_column_is_counted_value_by_value_while_its_values_are_few() -> None:
    columns = profile([ROWS], ProfilePlan()).columns
    assert columns["few"].counts == {f"{digit}": (4_000 - digit + 6) // 7 for digit in range(7)}
    assert columns["many"].counts is None
    assert columns["many"].num_distinct == 1_500 > MAX_COUNTED


def test_cells_that_are_no_numbers_are_told_from_those_that_are() -> None:
    mixed = profile([ROWS], ProfilePlan()).columns["mixed"]
    assert mixed.non_numeric == {"?": 400}
    assert mixed.num_numbers + 400 + mixed.num_missing == 4_000
    assert mixed.extremes.high == 3_999.5


def test_tokens_are_missing_values() -> None:
    tokens = Tokens(by_column={"mixed": ("?",)})
    mixed = profile([ROWS], ProfilePlan(tokens=tokens)).columns["mixed"]
    assert mixed.non_numeric == {}
    assert mixed.num_missing == 4_000 - mixed.num_numbers


def test_numbers_are_read_as_the_source_writes_them() -> None:
    rows = pl.DataFrame({"a": ["1.234,5", "7,25"]})
    profiled = profile([rows], ProfilePlan(numbers=NumberFormat(decimal=",", thousands=".")))
    assert (profiled.columns["a"].extremes.low, profiled.columns["a"].extremes.high) == (7.25, 1234.5)


def test_rows_are_compared_without_identifiers() -> None:
    rows = pl.DataFrame({"id": [1, 2, 3, 4], "a": ["x", "y", "x", None], "b": [1.0, 2.0, 1.0, None]})
    assert profile([rows], ProfilePlan()).num_duplicates == 0
    assert profile([rows[:2], rows[2:]], ProfilePlan(identifiers=["id"])).num_duplicates == 1


def test_the_same_values_in_other_columns_are_other_rows() -> None:
    rows = pl.DataFrame({"a": ["x", "y"], "b": ["y", "x"]})
    assert profile([rows], ProfilePlan()).num_duplicates == 0


@pytest.mark.parametrize("rows", [pl.DataFrame({"a": [None, None]}, schema={"a": pl.String}), pl.DataFrame({"a": []})])
def test_columns_without_values_have_no_distinct_ones(rows: pl.DataFrame) -> None:
    state = profile([rows], ProfilePlan()).columns["a"]
    assert (state.num_present, state.num_distinct, state.is_unique) == (0, 0, False)
