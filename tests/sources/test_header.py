from __future__ import annotations

import pytest

from tasks.sources.formats.header import is_number, names_columns

ROWS = [
    [f"Land {number}", str(17 * number % 101), str(31 * number % 97), ["poor", "rich"][number % 2]]
    for number in range(40)
]


@pytest.mark.parametrize(
    "header",
    [
        ["country", "2019", "2020", "group"],
        ["country", "1", "2", "group"],
        ["country", "2020", "2010", "group"],
        ["country", "nan", "inf", "group"],
        ["country", "1_2", "infinity", "group"],
        ["country", "size", "2019", "group"],
    ],
)
def test_names_that_look_like_numbers_are_names(header: list[str]) -> None:
    assert names_columns([header, *ROWS])


@pytest.mark.parametrize(
    "first",
    [
        ["Land x", "40", "17", "rich"],
        # A row of data that happens to count on: its words come again below.
        ["Land x", "1", "2", "rich"],
        ["Land x", "2019", "1.5", "poor"],
        ["Land x", "-1", "0", "middling"],
    ],
)
def test_a_row_of_data_is_no_header(first: list[str]) -> None:
    assert not names_columns([first, *ROWS])


def test_years_above_years_are_data() -> None:
    rows = [["x", str(2000 + number), ["a", "b"][number % 2]] for number in range(20)]
    assert not names_columns([["y", "2019", "c"], *rows])
    assert not names_columns([["2019", "2020"], ["1", "2"], ["3", "4"]])


@pytest.mark.parametrize(
    ("cell", "number"), [("1e5", True), ("-1.5", True), ("1,5", True), ("nan", False), ("1_0", False)]
)
def test_numbers_are_told_as_people_write_them(cell: str, number: bool) -> None:
    assert is_number(cell) == number
