from __future__ import annotations

import polars as pl
import pytest

from tasks.repair.number_text import as_numbers, parsed, with_plain_signs


@pytest.mark.parametrize("blank", [" ", "\u00a0", "\u202f", "\u2009", "\u2007"])
def test_any_blank_sets_thousands_apart(blank: str) -> None:
    cells = pl.Series([f"1{blank}234,5", f"-12{blank}345{blank}678", "7"])
    numbers = parsed(cells, ",", " ")
    assert numbers is not None
    assert numbers.to_list() == [1234.5, -12345678.0, 7.0]
    # Groups of three digits alone: other blanks are none of the number.
    assert parsed(pl.Series([f"1{blank}23,5"]), ",", " ") is None


def test_groups_are_of_three_digits_or_as_in_india_and_begin_with_no_zero() -> None:
    assert as_numbers(pl.Series(["1,234", "12,34,567", "1,00,00,000.5"]), ".", ",").to_list() == [
        1234,
        1234567,
        1e7 + 0.5,
    ]
    assert as_numbers(pl.Series(["0,512", "1,20", "12,34", "1,2345", "1234,567"]), ".", ",").to_list() == [None] * 5


def test_a_curved_apostrophe_is_one() -> None:
    assert as_numbers(pl.Series(["1\u2019234.5", "1'234.5"]), ".", "'").to_list() == [1234.5, 1234.5]


def test_indian_groups_stand_beside_others() -> None:
    cells = pl.Series(["12,34,567.5", "-1,23,456", "1,234", "99,99,99,999", "567"])
    numbers = parsed(cells, ".", ",")
    assert numbers is not None
    assert numbers.to_list() == [1234567.5, -123456.0, 1234.0, 999999999.0, 567.0]
    for cell in ("12,34", "1,234,56", "12,34,56", "123,45,678"):
        assert parsed(pl.Series([cell]), ".", ",") is None


@pytest.mark.parametrize(("decimal", "thousands"), [(".", None), (",", None), (",", "."), (".", ",")])
def test_minus_signs_and_parentheses_mean_below_zero(decimal: str, thousands: str | None) -> None:
    cells = pl.Series(["\u22121.5", "(1.5)", "( 1.5 )", "-1.5", " \u22121.5 ", "1.5", None])
    cells = cells.str.replace(".", decimal, literal=True)
    numbers = parsed(cells, decimal, thousands)
    assert numbers is not None
    assert numbers.to_list() == [-1.5] * 5 + [1.5, None]


@pytest.mark.parametrize("cell", ["(-5)", "(5", "5)", "()", "(a)", "\u2013\u20135", "(1) (2)", "\u2212"])
def test_other_dashes_and_parentheses_are_no_numbers(cell: str) -> None:
    assert parsed(pl.Series([cell])) is None


def test_zeros_that_a_number_would_lose_make_a_code_behind_any_sign() -> None:
    assert parsed(pl.Series(["\u2212007"])) is None


def test_text_without_such_signs_is_not_touched() -> None:
    cells = pl.Series(["a-b", "f(x)", None])
    assert with_plain_signs(cells).equals(cells)
