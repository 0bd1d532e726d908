from __future__ import annotations

import polars as pl
import pytest

from tasks.repair.units import UnitFormat, numbers_with_unit, unit_format, unit_formats


def written(*values: str | None, decimal: str = ".") -> UnitFormat | None:
    return unit_format(pl.Series(values, dtype=pl.String), decimal)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["$5", "$12.50", None], UnitFormat(before="$", thousands=",")),
        (["$5", "$7"], UnitFormat(before="$", thousands=",")),
        (["$5", "$1,200"], UnitFormat(before="$", thousands=",")),
        (["5 kg", "12.5kg", "-3 kg"], UnitFormat(after="kg", thousands=",")),
        (["10%", "20%", " 5 % "], UnitFormat(after="%")),
        (["1.200,50 €", "3,5 €"], UnitFormat(after="€", decimal=",", thousands=".")),
        (["1\u202f200,5 €", "3,5 €"], UnitFormat(after="€", decimal=",", thousands=" ")),
        (["EUR 5", "EUR 7"], UnitFormat(before="EUR")),
        (["-$5", "$7"], UnitFormat(before="$", thousands=",")),
        (["₹12,34,567.50", "₹900"], UnitFormat(before="₹", thousands=",")),
        (["1'200.5 CHF", "3 CHF"], UnitFormat(after="CHF", thousands="'")),
        (["0.125 kg", "0.250 kg"], UnitFormat(after="kg", thousands=",")),
    ],
)
def test_numbers_with_something_around_them(values: list[str | None], expected: UnitFormat) -> None:
    assert written(*values) == expected


@pytest.mark.parametrize(
    "values",
    [
        ["A11", "A12"],
        ["red", "green"],
        ["5 kg", "7 lb"],
        ["$5", "5"],
        ["10%", "about 20%"],
        ["007", "008"],
        ["5", "7"],
        ["5 kg", "5 kg"],
        ["room 5", "room 7"],
        ["2024-01-05", "2024-02-06"],
        ["192.168.0.1", "10.0.0.2"],
        ["+49 170 123", "+49 171 456"],
        ["5 to 10 kg", "7 to 9 kg"],
        [None, None],
        [],
    ],
)
def test_words_and_codes_stay_words(values: list[str | None]) -> None:
    assert written(*values) is None


def test_a_point_that_may_be_either_is_not_read() -> None:
    for values in (["1.200 €", "3.500 €"], ["1,200 kg", "3,500 kg"]):
        assert {each.decimal for each in unit_formats(pl.Series(values))} == {".", ","}
        assert written(*values) is None
    assert written("$1,200", "$3,500") == UnitFormat(before="$", thousands=",")
    assert written("1.20 €", "3.500 €") == UnitFormat(after="€", thousands=",")


def test_the_source_tells_which_sign_is_the_decimal_one() -> None:
    assert written("1.200 €", "3.500 €", decimal=",") == UnitFormat(after="€", decimal=",", thousands=".")
    assert written("5 €", "7 €", decimal=",") == UnitFormat(after="€", decimal=",")
    # What the cells say counts more.
    assert written("1.25 €", "3.5 €", decimal=",") == UnitFormat(after="€", thousands=",")


@pytest.mark.parametrize(
    ("text", "unit", "number"),
    [
        ("$1,200", UnitFormat(before="$", thousands=","), 1200.0),
        ("₹12,34,567.50", UnitFormat(before="₹", thousands=","), 1234567.5),
        ("-$ 1,200.50", UnitFormat(before="$", thousands=","), -1200.5),
        ("($1,017.81)", UnitFormat(before="$", thousands=","), -1017.81),
        ("\u2212$5", UnitFormat(before="$", thousands=","), -5.0),
        ("$\u22125", UnitFormat(before="$", thousands=","), -5.0),
        ("1.200,5 €", UnitFormat(after="€", decimal=",", thousands="."), 1200.5),
        ("12 kg", UnitFormat(after="kg"), 12.0),
        ("12", UnitFormat(after="kg"), 12.0),
        (" 7.5% ", UnitFormat(after="%"), 7.5),
        ("+3%", UnitFormat(after="%"), 3.0),
        ("12 lb", UnitFormat(after="kg"), None),
        ("about 5%", UnitFormat(after="%"), None),
        ("", UnitFormat(after="%"), None),
        (None, UnitFormat(after="%"), None),
    ],
)
def test_a_number_with_a_unit(text: str | None, unit: UnitFormat, number: float | None) -> None:
    assert numbers_with_unit(pl.Series([text], dtype=pl.String), unit).to_list() == [number]


@pytest.mark.parametrize(
    ("unit", "example"),
    [
        (UnitFormat(before="$", after="$", thousands=","), "$1,234.5"),
        (UnitFormat(before="kg", after="kg"), "1234.5 kg"),
        (UnitFormat(after="€", decimal=",", thousands="."), "1.234,5 €"),
    ],
)
def test_an_example_for_people_reads_as_its_number(unit: UnitFormat, example: str) -> None:
    assert unit.example == example
    assert numbers_with_unit(pl.Series([example]), unit).to_list() == [1234.5]
