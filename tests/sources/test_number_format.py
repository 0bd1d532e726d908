from __future__ import annotations

from collections.abc import Sequence

import pytest

from tasks.sources.base import NumberFormat
from tasks.sources.formats.number_format import find_number_format

PLAIN = NumberFormat()
AMERICAN = NumberFormat(decimal=".", thousands=",")
GERMAN = NumberFormat(decimal=",", thousands=".")
COMMA = NumberFormat(decimal=",")


@pytest.mark.parametrize(
    ("columns", "separator", "numbers"),
    [
        # Cells in quotes, as commas separate: who does that writes no fractions with one.
        ([["63,607", "32,796", "(27,572)"]], ",", AMERICAN),
        ([["63,607", "32,796", "(27,572)"]], ";", COMMA),
        # One column of amounts does not make words of the others.
        ([["1,250", "2,117"], ["0.5", "1.25"], ["3.5", "7"]], ",", AMERICAN),
        ([["1.250", "2.117"], ["0,5", "1,25"]], ";", GERMAN),
        ([["1.250", "2.117", "3.000", "987"], ["a", "b"]], ";", GERMAN),
        ([["0.512", "2.117", "3.000", "987"], ["0.5", "7"], ["1,5", "b"]], ";", PLAIN),
        # Points before fractions in one column are no thousands in another.
        ([["1,5", "2,25"], ["1.5", "2.25"], ["99.180", "47.790"]], ";", PLAIN),
        ([["a, b", "c"], ["1", "2"]], ",", PLAIN),
        # A mark for missing ones and a slip are no reason to take 3.682,18 for words; in every fifth cell they are.
        ([["3.682,18"] * 40 + ["?", "?", "much"]], ";", GERMAN),
        ([["3.682,18"] * 8 + ["?", "much"]], ";", PLAIN),
        ([["3.682,18"] * 8 + ["?"]], ";", GERMAN),
        ([], ",", PLAIN),
    ],
)
def test_the_format_that_most_columns_ask_for(
    columns: Sequence[Sequence[str]], separator: str, numbers: NumberFormat
) -> None:
    assert find_number_format(columns, separator, {}) == numbers


def test_what_is_given_counts() -> None:
    amounts = [["63,607", "32,796"]]
    assert find_number_format(amounts, ",", {"decimal": ","}) == COMMA
    assert find_number_format(amounts, ";", {"decimal": ".", "thousands": ","}) == AMERICAN
    assert find_number_format([["1.250", "2.117"]], ";", {"decimal": ",", "thousands": "."}) == GERMAN
