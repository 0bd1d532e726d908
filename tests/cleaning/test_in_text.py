from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl
import pytest

from tasks.cleaning.in_text import find_numbers_in_text
from tasks.repair.repair import InText
from tests.small_tables import cut


def written(values: Sequence[Any], places: Sequence[int] = ()) -> Any:
    """How a column of these values is written; None when it is none of numbers, "ambiguous" when nobody knows."""
    rows = pl.DataFrame({"x": pl.Series(values, dtype=pl.String)})

    def table(columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        for part in cut(rows, places):
            yield part.select(columns)

    written = find_numbers_in_text(table, ["x"]).get("x")
    if written is None:
        return None
    return "ambiguous" if written.ambiguous else written.how


@pytest.mark.parametrize(
    ("values", "how"),
    [
        (["$5", "$12.50", None], InText(before="$")),
        (["$5", "$1,200"], InText(before="$", thousands=",")),
        (["5 kg", "12.5kg", "-3 kg"], InText(after="kg")),
        (["10%", "20%", " 5 % "], InText(after="%")),
        (["1.200,50 €", "3,5 €"], InText(after="€", decimal=",", thousands=".")),
        (["EUR 5", "EUR 7"], InText(before="EUR")),
        (["-$5", "$7"], InText(before="$")),
        (["1'200.5 CHF", "3 CHF"], InText(after="CHF", thousands="'")),
    ],
)
def test_numbers_with_something_around_them(values: list[str | None], how: InText) -> None:
    assert written(values) == how


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
    assert written(values) is None


def test_a_point_that_may_be_either_is_not_read() -> None:
    assert written(["1.200 €", "3.500 €"]) == "ambiguous"
    assert written(["1,200 kg", "3,500 kg"]) == "ambiguous"
    assert written(["$1,200", "$3,500"]) == InText(before="$", thousands=",")
    assert written(["1.20 €", "3.500 €"]) == InText(after="€")


@pytest.mark.parametrize("places", [[], [1], [2], [1, 2, 3]])
def test_every_value_is_looked_at_wherever_parts_are_cut(places: list[int]) -> None:
    assert written(["5 kg", "7 kg", "9 kg", "ten kg"], places) is None
    assert written(["5 kg", "7 kg", "9 kg", None], places) == InText(after="kg")
