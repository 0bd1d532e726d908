from __future__ import annotations

import polars as pl
import pytest

from tasks.columns.boolean.column import PAIRS, WORDS, BooleanColumn, BooleanEncoding
from tasks.params.normalize import NormalizeBoolean

BOOLEAN = BooleanColumn()


def learnt(values: list[bool | None], **settings: object) -> BooleanEncoding:
    chosen = NormalizeBoolean.model_validate(settings)
    return BOOLEAN.finish(BOOLEAN.fit(pl.Series("x", values, dtype=pl.Boolean), chosen), chosen)


@pytest.mark.parametrize("pair", PAIRS, ids="/".join)
def test_both_words_of_a_pair_or_one_of_them_are_booleans(pair: tuple[str, str]) -> None:
    for words in ([*pair, None], [pair[0].upper(), f" {pair[1].title()} "], pair[:1], pair[1:]):
        assert BOOLEAN.could_be(pl.Series(words, dtype=pl.String))
    assert BOOLEAN.cast(pl.Series([pair[0].upper(), f" {pair[1]} ", None])).to_list() == [True, False, None]


@pytest.mark.parametrize("values", [["y", "no"], ["0", "1"], [0, 1], [1.0], ["yes", ""], ["yes", "no", "maybe"]])
def test_words_of_two_pairs_numbers_and_other_words_are_not(values: list[object]) -> None:
    assert not BOOLEAN.could_be(pl.Series(values))


def test_a_value_that_says_neither_becomes_missing() -> None:
    assert BOOLEAN.cast(pl.Series(["1", "0.0", "2", "maybe", "", "nan"])).to_list() == [True, False, *[None] * 4]
    assert BOOLEAN.cast(pl.Series([1, 0, 7, None])).to_list() == [True, False, None, None]
    assert BOOLEAN.cast(pl.Series([1.0, 0.0, 0.5, float("nan")])).to_list() == [True, False, None, None]


def test_no_word_means_both() -> None:
    assert len(WORDS) == 2 * len(PAIRS)


@pytest.mark.parametrize(
    ("values", "impute", "expected"),
    [
        ([True, True, False, None], "most_frequent", 1),
        ([True, False, False, None], "most_frequent", 0),
        ([True, True, False, None], "false", 0),
        ([True, True, False, None], False, 0),
    ],
)
def test_a_missing_one_is_imputed_and_marked(values: list[bool | None], impute: object, expected: int) -> None:
    encoding = learnt(values, impute=impute)
    found = BOOLEAN.transform(pl.Series("x", values), encoding).tolist()
    assert found[-1] == [expected, 1]
    assert found[0] == [1, 0]
    assert encoding.field("x").labels == ("x", "x missing")


def test_the_indicator_is_there_only_where_training_rows_had_gaps() -> None:
    assert not learnt([True, False]).indicator
    assert not learnt([True, None], indicator=False).indicator


def test_a_column_without_gaps_is_expected_to_stay_so() -> None:
    (drafted,) = BOOLEAN.expect("x", pl.Series([True]))
    assert (drafted["type"], drafted["severity"]) == ("expect_column_values_to_not_be_null", "warning")
    assert BOOLEAN.expect("x", pl.Series([True, None])) == []


@pytest.mark.parametrize("impute", ["most_frequent", "false"])
@pytest.mark.parametrize("seen", [[True, True, False, None], [True, False, False]])
def test_one_row_is_encoded_as_many_are(impute: str, seen: list[bool | None]) -> None:
    encoding = learnt(seen, impute=impute)
    values = pl.Series("x", [True, None, False])
    few, many = BOOLEAN.transform(values, encoding), BOOLEAN.transform(pl.concat([values] * 9), encoding)
    assert (few.dtype, many.dtype) == ("float32", "float32")
    assert many.tolist() == few.tolist() * 9
