from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tasks.columns.base import Encoding
from tasks.columns.boolean.column import BooleanEncoding
from tasks.columns.category.encoding import CategoryEncoding
from tasks.columns.number.column import NumberEncoding
from tasks.columns.timestamp.column import TimestampEncoding
from tasks.errors import UserError
from tasks.recipe.raw_values import at_rest
from tasks.recipe.recipe import Feature
from tasks.repair.repair import FEW, Repair
from tasks.repair.units import UnitFormat
from tasks.tables.dialect import ColumnDialect

NUMBER = NumberEncoding(impute=0, factor=1, offset=0, indicator=False)
TOWNS = CategoryEncoding(encode="one_hot", categories=("007", "1.5", "Ulm", "x"), missing=False)
TIME = TimestampEncoding(parts=(), indicator=False)
BOOLEAN = BooleanEncoding(impute=False, indicator=False)
GERMAN = ColumnDialect(missing=("", "?", "-999"), decimal=",", thousands=".")
NOON = datetime(2024, 1, 31, 12)


def read(values: list[Any], encoding: Encoding, dialect: ColumnDialect | None = None, repair: Any = None) -> list[Any]:
    feature = Feature(name="x", encoding=encoding, dialect=dialect or ColumnDialect(), repair=repair)
    series = at_rest(values, feature)
    assert (series.name, len(series)) == ("x", len(values))
    alone = [at_rest([value], feature)[0] for value in values]
    assert alone == series.to_list(), "a value is read the same whatever stands beside it"
    return alone


def test_numbers_and_texts_side_by_side() -> None:
    values = ["8.000", 8_000, 8.5, Decimal("6370.15"), None, "6370.15", "1.972,76", " 12 ", True, "NAN"]
    expected = [8000.0, 8000.0, 8.5, 6370.15, None, 6370.15, 1972.76, 12.0, 1.0, None]
    assert read(values, NUMBER, GERMAN) == expected


def test_marks_of_a_missing_value_are_missing_as_text_and_as_numbers() -> None:
    assert read(["?", "", "-999", -999, -999.0, "-999,0", -99], NUMBER, GERMAN) == [None] * 5 + [-999.0, -99.0]


@pytest.mark.parametrize("encoding", [NUMBER, TIME, BOOLEAN])
def test_an_empty_text_is_missing_where_it_can_mean_nothing_else(encoding: Encoding) -> None:
    dialect = ColumnDialect(missing=("n.d.",))
    assert read(["", " ", "n.d."], encoding, dialect) == [None] * 3
    assert read(["", " ", "n.d."], TOWNS, dialect) == ["", " ", None]


ASCII = [chr(sign) for sign in range(128)]


@pytest.mark.parametrize("dialect", [ColumnDialect(), ColumnDialect(missing=("n.d.", "-")), GERMAN])
@pytest.mark.parametrize("encoding", [NUMBER, TIME, BOOLEAN, TOWNS])
@settings(derandomize=True, max_examples=60, deadline=None)
@given(values=st.lists(st.none() | st.text("nNaAtTİ .-?1\x1c\u00a0\u2003", max_size=5), min_size=1, max_size=6))
@example(values=[*ASCII, *(f"{sign}nan{sign}" for sign in ASCII)])
@example(values=["\x1cnat", "İ", "\u2003NaN\u2003", "n.d. "])
def test_a_few_texts_are_read_as_many_are(encoding: Encoding, dialect: ColumnDialect, values: list[str | None]) -> None:
    feature = Feature(name="x", encoding=encoding, dialect=dialect)
    for value in values:
        if (few := read_or_refused([value], feature)) is not None:
            assert read_or_refused([value] * (FEW + 1), feature) == few * (FEW + 1)


def read_or_refused(values: list[str | None], feature: Feature) -> list[Any] | None:
    try:
        return at_rest(values, feature).to_list()
    except UserError:
        return None


def test_an_empty_cell_is_missing_where_the_source_has_nulls_and_no_such_category() -> None:
    database = ColumnDialect(missing=())
    colours = CategoryEncoding(encode="one_hot", categories=("blue", "red"), missing=True)
    assert read(["", "red", None], colours, database) == [None, "red", None]
    with_empty = CategoryEncoding(encode="one_hot", categories=("", "red"), missing=True)
    assert read(["", "red", None], with_empty, database) == ["", "red", None]
    # A file in which an empty cell is an empty text; and a database whose empty texts are among the rare ones.
    assert read([""], colours, ColumnDialect(missing=("?",))) == [""]
    assert read([""], colours, database, Repair(common=("blue", "red"))) == [""]


def test_numbers_with_a_unit() -> None:
    percent = ColumnDialect(unit=UnitFormat(after="%", decimal=","), missing=("", "-1"))
    assert read(["10,8 %", "10,8", "10.8", 10.8, None, "-1 %", -1], NUMBER, percent) == [10.8] * 4 + [None] * 3


def test_categories_that_are_numbers() -> None:
    values = ["Ulm", "7", 7, 7.0, "007", 1.5, 3, 3.0, False, Decimal("1.50"), None]
    expected = ["Ulm", "7", "007", "007", "007", "1.5", "3", "3", "false", "1.5", None]
    assert read(values, TOWNS) == expected


def test_a_whole_number_of_many_digits_names_its_own_category() -> None:
    large = CategoryEncoding(encode="one_hot", categories=("9007199254740992", "9007199254740993"), missing=False)
    assert read([2**53, 2**53 + 1, "9007199254740993"], large) == [
        "9007199254740992",
        "9007199254740993",
        "9007199254740993",
    ]


def test_two_categories_of_one_number_are_not_told_apart_by_it() -> None:
    towns = CategoryEncoding(encode="one_hot", categories=("07", "007"), missing=False)
    assert read([7], towns) == ["7"]


def test_times() -> None:
    german = ColumnDialect(format="%d.%m.%Y %H:%M")
    values = ["31.01.2024 12:00", "2024-01-31T13:00:00+01:00", "2024-01-31 12:00", NOON, NOON.date(), "NaT", None]
    assert read(values, TIME, german) == [NOON] * 4 + [datetime(2024, 1, 31), None, None]
    assert read(["20240131", 20240131, 20240131.0], TIME, ColumnDialect(format="%Y%m%d")) == [datetime(2024, 1, 31)] * 3
    seconds = ColumnDialect(format="epoch seconds")
    assert read(["1706702400", 1706702400, 1706702400.0], TIME, seconds) == [NOON] * 3


def test_truth_values() -> None:
    assert read([True, 1, 0.0, "Yes", "off", "1", None], BOOLEAN) == [True, True, False, True, False, True, None]


@pytest.mark.parametrize(
    ("value", "encoding", "dialect", "message"),
    [
        ("1.97,2", NUMBER, GERMAN, "column x: '1.97,2' is no number; give a number, or text such as 1.234,5"),
        (b"1", NUMBER, None, "column x: b'1' is no number; give a number"),
        (10**400, NUMBER, None, "is no number; give a number"),
        (NOON, NUMBER, None, "is no number; give a number"),
        (float(2**53 + 2), TOWNS, None, "column x: 9007199254740994.0 is no category; give text"),
        ({"a": 1}, TOWNS, None, "column x: {'a': 1} is no category; give text"),
        ("01/02/2024", TIME, None, "column x: '01/02/2024' is no timestamp; give a time such as 2024-01-31T23:59:00"),
        (
            "30.02.2024",
            TIME,
            ColumnDialect(format="%d.%m.%Y"),
            "column x: '30.02.2024' is no timestamp; give a time such as 2024-01-31T23:59:00, or 31.01.2024",
        ),
        (1706702400, TIME, None, "column x: 1706702400 is no timestamp"),
        (True, TIME, ColumnDialect(format="epoch seconds"), "such as 2024-01-31T23:59:00, or 1706745540"),
        ("perhaps", BOOLEAN, None, "column x: 'perhaps' is no boolean; give true or false"),
    ],
)
def test_what_cannot_be_read_is_refused(
    value: Any, encoding: Encoding, dialect: ColumnDialect | None, message: str
) -> None:
    with pytest.raises(UserError) as caught:
        at_rest([None, value], Feature(name="x", encoding=encoding, dialect=dialect or ColumnDialect()))
    assert message in str(caught.value)
    assert len(str(caught.value)) < 300


def test_a_recipe_of_before_reads_numbers_as_programs_write_them() -> None:
    feature = Feature.model_validate({"name": "x", "encoding": NUMBER.model_dump()})
    assert at_rest(["1.5", "", 2], feature).to_list() == [1.5, None, 2.0]
    assert at_rest([], feature).dtype == pl.Float64
