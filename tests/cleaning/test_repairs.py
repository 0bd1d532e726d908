from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl
import pytest

from tasks.cleaning.repairs import learn_repairs, merged_spellings
from tasks.params.clean import Clean
from tasks.repair.repair import Repair
from tasks.tables.dataset import Column
from tests.small_tables import Kind, cut, described

COLUMNS: dict[str, Kind] = {
    "size": ("number", "feature"),
    "price": ("number", "feature"),
    "colour": ("category", "feature"),
    "when": ("timestamp", "feature"),
    "label": ("category", "target"),
}
ROWS = pl.DataFrame(
    {
        "size": [1.0, 2.0, 3.0, 4.0, 100.0],
        "price": [5.0, 7.0, None, 1000.0, 9.0],
        "colour": ["Red", "red", "red ", "blue", None],
        "when": pl.Series([None] * 5, dtype=pl.Datetime("us")),
        "label": ["a", "A", "b", "b", "b"],
    }
)


def learnt(places: Sequence[int] = (), **settings: Any) -> dict[str, Column]:
    def table(columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        for part in cut(ROWS, places):
            yield part.select(columns)

    dataset = learn_repairs(table, described(COLUMNS), Clean.model_validate(settings))
    return {column.name: column for column in dataset.columns}


def test_by_default_only_the_form_is_put_right() -> None:
    learned = learnt()
    assert learned["size"].repair is None
    assert learned["when"].repair is None
    assert learned["colour"].repair == learned["label"].repair == Repair(white_space="all", unicode="NFC")


@pytest.mark.parametrize("places", [[], [1], [2, 3]])
def test_spellings_are_merged_and_rare_ones_renamed(places: list[int]) -> None:
    learned = learnt(places, category={"case": "merge", "rare": 0.3})
    assert learned["colour"].repair == Repair(
        white_space="all", unicode="NFC", replace={"Red": "red"}, common=("red",), rare_name="(rare)"
    )
    # The target's classes are merged, and never rare.
    assert learned["label"].repair == Repair(white_space="all", unicode="NFC", replace={"a": "A"})


def test_merged_spellings_are_the_most_frequent_and_of_equals_the_first() -> None:
    assert merged_spellings(Counter({"USA": 3, "usa": 5, "Usa": 1, "UK": 1})) == {"USA": "usa", "Usa": "usa"}
    assert merged_spellings({"b": 1, "B": 1}) == {"b": "B"}


def test_a_columns_own_rules() -> None:
    columns = {
        "size": {"min": 0, "max": 10, "outside": "clip"},
        "colour": {"replace": {"Red ": "rot"}, "allowed": ["rot", "blue"]},
        "label": {"case": "lower"},
    }
    learned = learnt(columns=columns)
    assert learned["size"].repair == Repair(least=0, most=10, outside="clip")
    assert learned["colour"].repair == Repair(
        white_space="all", unicode="NFC", replace={"Red": "rot"}, allowed=("rot", "blue")
    )
    assert learned["label"].repair == Repair(white_space="all", unicode="NFC", case="lower")


def test_what_makes_a_row_go_is_no_repair() -> None:
    assert learnt(columns={"size": {"max": 10, "outside": "quarantine"}})["size"].repair is None


@pytest.mark.parametrize("places", [[], [2], [1, 4]])
def test_outliers_are_clipped_to_learnt_bounds(places: list[int]) -> None:
    learned = learnt(places, number={"outliers": {"method": "iqr", "action": "clip"}})
    # Quartiles 2 and 4: fences 1.5 * 2 beyond them. The prices' are 6.5 and 256.75.
    assert learned["size"].repair == Repair(low=-1, high=7)
    assert learned["price"].repair is not None
    assert (learned["price"].repair.low, learned["price"].repair.high) == (6.5 - 1.5 * 250.25, 256.75 + 1.5 * 250.25)


def test_coarser_values() -> None:
    columns = {
        "size": {"personal": "generalise", "generalise": {"width": 10}, "max": 95},
        "when": {"personal": "generalise", "generalise": {"unit": "month"}},
        "colour": {"personal": "generalise", "generalise": {"keep": 2}},
    }
    learned = learnt(columns=columns)
    assert learned["size"].repair == Repair(width=10, most=90)
    assert learned["when"].repair == Repair(unit="month")
    assert learned["colour"].repair == Repair(white_space="all", unicode="NFC", keep=2)
