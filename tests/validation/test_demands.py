from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tasks.tables.origins import PartOrigins, Run, UnreadCell
from tasks.validation.demands import demand, unlike_columns
from tasks.validation.expectations import Rule
from tasks.validation.first_places import FirstPlaces
from tasks.validation.suite_file import KNOWN_TYPES

AGE = {"column": "age"}


def rule(of: str, **kwargs: Any) -> Rule:
    return Rule(number=1, type=f"expect_{of}", kwargs=kwargs, severity="critical")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (rule("column_values_to_be_between", **AGE, min_value=0, max_value=120.0), "age must be from 0 to 120"),
        (rule("column_values_to_be_between", **AGE, min_value=0, strict_min=True), "age must be more than 0"),
        (rule("column_values_to_be_between", **AGE, max_value=1.5), "age must be at most 1.5"),
        (rule("column_values_to_be_between", **AGE), "age must be anything"),
        (rule("column_value_lengths_to_equal", **AGE, value=3), "the length of age must be exactly 3"),
        (rule("column_values_to_not_be_null", **AGE, mostly=0.95), "age must not be missing, in 0.95 of the rows"),
        (
            rule("column_values_to_be_in_set", **AGE, value_set=list("abcdefg")),
            "age must be one of a, b, c, d, e and 2 more",
        ),
        (rule("compound_columns_to_be_unique", column_list=["a", "b"]), "a and b together must not repeat"),
        (rule("table_row_count_to_be_between", min_value=1), "the number of rows must be at least 1"),
        # A person left the argument out.
        (rule("column_values_to_match_regex", **AGE), "age must keep to an expectation"),
        (rule("column_value_z_scores_to_be_less_than", **AGE, threshold=3), "age must keep to threshold 3"),
    ],
)
def test_what_is_asked_is_told_in_plain_words(asked: Rule, words: str) -> None:
    assert demand(asked) == f"{words} ({asked.type})"


@pytest.mark.parametrize("name", sorted(KNOWN_TYPES))
def test_every_known_expectation_has_words_of_a_bounded_length(name: str) -> None:
    kwargs = {"column": "age", "value_set": ["x" * 500] * 500, "regex": "y" * 5000, "column_set": ["z" * 500] * 500}
    assert len(demand(Rule(number=1, type=name, kwargs=kwargs, severity="critical"))) < 700


def test_a_tables_columns_are_compared_by_name() -> None:
    assert unlike_columns(["a", "b"], ["a", "c"]) == "the table lacks b and has besides c"
    assert unlike_columns(["a", "b"], ["b", "a"]) == "the table has them in another order"


def test_the_first_places_are_the_same_however_the_rows_are_cut() -> None:
    bad, rows = rule("column_values_to_not_be_null", **AGE), [0, 3, 4, 7, 9]

    def places(cut: int) -> Any:
        first = FirstPlaces()
        for start, end in ((0, cut), (cut, 10)):
            inside = np.array([row - start for row in rows if start <= row < end], dtype=np.int64)
            origins = PartOrigins(runs=(Run(row=0, file="a.csv", number=start + 2, in_lines=True),))
            cells = [UnreadCell(row=8 - start, column="spend", cell="?")] if start <= 8 < end else []
            first.add([(bad, inside)], cells, origins)
        return first.by_rule

    for cut in range(1, 10):
        assert places(cut) == {
            bad.label: ["a.csv:2", "a.csv:5", "a.csv:6"],
            "ingest.columns.spend.type": ["a.csv:10"],
        }


def test_rows_from_nowhere_have_no_place() -> None:
    first = FirstPlaces()
    first.add([(rule("column_values_to_not_be_null", **AGE), np.array([1]))], [], None)
    assert first.by_rule == {}
