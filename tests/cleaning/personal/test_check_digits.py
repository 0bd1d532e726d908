from __future__ import annotations

from collections.abc import Callable

import pytest

from tasks.cleaning.personal.check_digits import is_card, is_iban

CARDS = ["4111111111111111", "4111 1111 1111 1111", "378282246310005", "5555-5555-5555-4444", "30569309025904"]
IBANS = ["GB82 WEST 1234 5698 7654 32", "DE89370400440532013000", "FR1420041010050500013M02606", "NO9386011117947"]

CHECKS: list[tuple[Callable[[str], bool], str]] = [
    (is_card, "4111111111111111"),
    (is_iban, "DE89370400440532013000"),
]


@pytest.mark.parametrize("text", CARDS)
def test_cards(text: str) -> None:
    assert is_card(text)


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111112",  # another last digit
        "9111111111111111"[:15] + "6",  # no issuer begins with 9
        "0000000000000000",
        "411111111111",  # twelve digits
        "41111111111111111111",  # twenty
        "378282246310005"[:14],
        "12345678901234a6",
        "",
    ],
)
def test_no_cards(text: str) -> None:
    assert not is_card(text)


@pytest.mark.parametrize("text", IBANS)
def test_ibans(text: str) -> None:
    assert is_iban(text)


@pytest.mark.parametrize(
    "text", ["DE89370400440532013001", "DE8937040044053201300", "ZZ89370400440532013000", "DE", ""]
)
def test_no_ibans(text: str) -> None:
    assert not is_iban(text)


@pytest.mark.parametrize(("check", "number"), CHECKS, ids=lambda value: getattr(value, "__name__", value))
def test_every_single_wrong_digit_is_found(check: Callable[[str], bool], number: str) -> None:
    assert check(number)
    places = [place for place, sign in enumerate(number) if sign.isdigit()]
    others = [f"{number[:p]}{d}{number[p + 1 :]}" for p in places for d in "0123456789" if d != number[p]]
    assert not any(map(check, others))
