from __future__ import annotations

from datetime import datetime
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.repair.repair import Repair, repaired

WORDS = (
    st.none() | st.text(max_size=8) | st.sampled_from(["Red ", " red", "ﬁne", "é", "é", "İ", "ß", "\uff22  b", "rot"])
)
NUMBERS = st.none() | st.floats(allow_nan=False, min_value=-1e12, max_value=1e12)
TEXT_REPAIRS = st.builds(
    Repair,
    white_space=st.sampled_from(["keep", "ends", "all"]),
    unicode=st.sampled_from(["none", "NFC", "NFKC"]),
    case=st.sampled_from(["keep", "lower", "upper"]),
    replace=st.sampled_from([{}, {"rot": "red"}]),
    allowed=st.sampled_from([None, ("red", "blue")]),
    common=st.sampled_from([None, ("red",)]),
    keep=st.sampled_from([None, 0, 2]),
)
BOUNDS = st.none() | st.sampled_from([-10.0, 0.0, 5.0])
NUMBER_REPAIRS = st.builds(
    Repair, least=BOUNDS, low=BOUNDS, outside=st.sampled_from(["missing", "clip"]), width=st.sampled_from([None, 5.0])
)


def words(values: list[Any], **how: Any) -> list[Any]:
    return repaired(pl.Series("x", values, dtype=pl.String), Repair(**how)).to_list()


def numbers(values: list[Any], **how: Any) -> list[Any]:
    return repaired(pl.Series("x", values, dtype=pl.Float64), Repair(**how)).to_list()


def test_without_a_repair_nothing_happens() -> None:
    values = pl.Series("x", [" a", None])
    assert repaired(values, None) is values
    assert words([" A ", None]) == [" A ", None]
    assert Repair().does_nothing
    assert not Repair(keep=1).does_nothing


def test_white_space() -> None:
    assert words([" a\t b ", None, " "], white_space="ends") == ["a\t b", None, ""]
    assert words([" a\t b ", "a   b", "a b"], white_space="all") == ["a b", "a b", "a b"]


def test_unicode_form() -> None:
    assert words(["é", "é", None, "ﬁ"], unicode="NFC") == ["é", "é", None, "ﬁ"]
    assert words(["\uff22", "ﬁ"], unicode="NFKC") == ["B", "fi"]


def test_spellings_replaced_allowed_and_rare() -> None:
    assert words(["Red", "BLUE"], case="lower") == ["red", "blue"]
    assert words(["straße"], case="upper") == ["STRASSE"]
    assert words(["<=50K.", ">50K", None], replace={"<=50K.": "<=50K"}) == ["<=50K", ">50K", None]
    assert words(["red", "green", None], allowed=("red",)) == ["red", None, None]
    assert words(["red", "green", None], common=("red",), rare_name="others") == ["red", "others", None]


def test_numbers_are_bounded_clipped_and_made_coarser() -> None:
    assert numbers([-1.0, 5.0, 99.0, None], least=0.0, most=10.0) == [None, 5.0, None, None]
    assert numbers([-1.0, 5.0, 99.0, None], least=0.0, most=10.0, outside="clip") == [0.0, 5.0, 10.0, None]
    assert numbers([-1e9, 5.0, 1e9], low=-3.0, high=8.0) == [-3.0, 5.0, 8.0]
    assert numbers([37.0, -1.0, None], width=10.0) == [30.0, -10.0, None]


def test_people_are_less_easily_told_apart() -> None:
    assert words(["12345", None, "9"], keep=2) == ["12", None, "9"]
    times = pl.Series("x", [datetime(2024, 5, 31, 13, 45), None], dtype=pl.Datetime("us"))
    assert repaired(times, Repair(unit="month")).to_list() == [datetime(2024, 5, 1), None]
    assert repaired(times, Repair(unit="hour")).to_list() == [datetime(2024, 5, 31, 13), None]


@settings(derandomize=True, max_examples=200, deadline=None)
@given(values=st.lists(WORDS, max_size=6), repair=TEXT_REPAIRS)
def test_doing_it_twice_is_doing_it_once_for_words(values: list[str | None], repair: Repair) -> None:
    once = repaired(pl.Series("x", values, dtype=pl.String), repair)
    assert repaired(once, repair).to_list() == once.to_list()
    assert (once.name, len(once)) == ("x", len(values))


@settings(derandomize=True, max_examples=100, deadline=None)
@given(values=st.lists(NUMBERS, max_size=6), repair=NUMBER_REPAIRS)
def test_doing_it_twice_is_doing_it_once_for_numbers(values: list[float | None], repair: Repair) -> None:
    once = repaired(pl.Series("x", values, dtype=pl.Float64), repair)
    assert repaired(once, repair).to_list() == once.to_list()


@settings(derandomize=True, max_examples=50, deadline=None)
@given(values=st.lists(WORDS, min_size=1, max_size=6), repair=TEXT_REPAIRS)
def test_a_value_is_put_right_the_same_whatever_stands_beside_it(values: list[str | None], repair: Repair) -> None:
    together = repaired(pl.Series("x", values, dtype=pl.String), repair).to_list()
    alone = [repaired(pl.Series("x", [value], dtype=pl.String), repair)[0] for value in values]
    assert alone == together
