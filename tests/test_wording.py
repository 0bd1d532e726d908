"""Counts, shares and names as people read them."""

from __future__ import annotations

import re

import pytest

from tasks.wording import counted, percent, quoted, signed
from tests.projects import REPOSITORY


@pytest.mark.parametrize(("num", "text"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (1_234_567, "1,234,567 rows")])
def test_one_is_singular_and_thousands_stand_apart(num: int, text: str) -> None:
    assert counted(num, "row") == text


def test_a_noun_brings_its_own_plural_where_an_s_would_not_do() -> None:
    assert [counted(num, "copy is", "copies are") for num in (1, 2)] == ["1 copy is", "2 copies are"]


def test_shares_are_percentages_with_a_space() -> None:
    assert [percent(0.9376), percent(1), percent(0.155, 0), percent(0.00011, 2)] == [
        "93.8 %",
        "100.0 %",
        "16 %",
        "0.01 %",
    ]


def test_names_are_told_apart_from_the_commas_between_them() -> None:
    assert quoted(["a, b", "", "c"]) == "'a, b', '', 'c'"


def test_no_text_spells_a_percentage_otherwise_or_a_plural_by_hand() -> None:
    files = [*(REPOSITORY / "tasks").rglob("*.py"), *(REPOSITORY / "flows").rglob("*.py")]
    otherwise = re.compile(r":[.\d]*%\}|'' if [^}]* == 1 else 's'")
    assert [file.name for file in files if otherwise.search(file.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0.0000"), (136.72, "+136.7"), (-0.00531, "-0.0053"), (-12_345.6, "-12,346")]
)
def test_a_difference_has_its_sign(value: float, text: str) -> None:
    assert signed(value) == text
