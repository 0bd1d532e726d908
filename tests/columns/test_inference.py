"""Which type a column is inferred to be, by what its values are: known truths, and what lies on the border."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks.columns import inferred_type
from tasks.columns.category.column import FEW_CATEGORIES, MAX_CATEGORIES, MAX_LENGTH
from tasks.ingestion.survey import merge, survey
from tasks.params.config import ColumnTypeName
from tests.sounds import tone


def of(values: Sequence[Any] | pl.Series) -> ColumnTypeName:
    return inferred_type(survey(pl.Series("x", values)))


def many(form: str, count: int = 100) -> list[str]:
    """So many different texts."""
    return [form.format(number) for number in range(count)]


NUMBERS = {
    "whole": ["1", "2", "-3"],
    "fractions": ["1.5", ".5", "-2."],
    "exponents": ["1e3", "1E-300", "+4e+2"],
    "not finite": ["inf", "-inf", "NaN", "1"],
    "spaces about": [" 1", "2 ", "\t3"],
    "zero before the point": ["0.5", "0", "-0.1"],
    "gaps": ["1", None, "2"],
    "one value": ["7", "7", "7"],
    "years": many("19{:02}"),
    "powers of two beyond 64 bits": ["36893488147419103232", "1"],
}
BOOLEANS = {
    "words": ["yes", "no", "no"],
    "any case, spaces about": ["True ", "FALSE", "true"],
    "one of a pair": ["true", "true"],
    "letters": ["t", "f"],
}
TIMESTAMPS = {
    "days": ["2024-01-31", "2024-02-29"],
    "seconds": ["2024-01-31T23:59:00", "2024-02-01T00:00:00"],
    "with a zone": ["2024-01-31T23:59:00Z", "2024-02-01T00:00:00Z"],
    "gaps": ["2024-01-31", None],
}
CATEGORIES = {
    "digits that no float64 holds": ["123456789012345678901234567890", "1"],
    "few words": ["red", "green", "red"],
    "words of two pairs": ["yes", "true", "no"],
    "a word among numbers": ["1", "2", "three"],
    "leading zeros": ["007", "042", "123"],
    "many leading zeros": many("0{:05}", 5_000),
    "a day that the calendar lacks": ["2024-02-30", "2024-02-29"],
    "no value": [None, None],
    "no row": pl.Series("x", [], dtype=pl.String),
    "as many as are few": many("word {}", FEW_CATEGORIES),
    "one to every twenty rows": many("word {}", 50) * 20,
    "as many as may be": many("word {}", MAX_CATEGORIES) * 20,
    "as long as may be": ["x" * MAX_LENGTH, "y"],
}
TEXTS = {
    "one more than are few": many("word {}", FEW_CATEGORIES + 1),
    "more than one to every twenty rows": many("word {}", 51) * 19,
    "more than may be": many("word {}", MAX_CATEGORIES + 1) * 30,
    "longer than may be": ["x" * (MAX_LENGTH + 1), "y"],
    "numbers with units": many("{} kg"),
}
OTHERS: dict[ColumnTypeName, dict[str, pl.Series]] = {
    "number": {
        "integers": pl.Series([1, 2], dtype=pl.Int8),
        "floats": pl.Series([0.5, np.nan]),
        "zeros and ones": pl.Series([0, 1, 1]),
    },
    "boolean": {"booleans": pl.Series([True, None])},
    "timestamp": {"dates": pl.Series([date(2024, 1, 31)]), "times": pl.Series([datetime(2024, 1, 31, 23, 59)])},
    "category": {"nulls": pl.Series([None, None], dtype=pl.Float64)},
    "audio": {"sounds": pl.Series([tone(440), None])},
    "image": {"bytes that are no sound": pl.Series([b"no picture either", None])},
}


@pytest.mark.parametrize(
    ("expected", "name", "values"),
    [
        *(("number", name, values) for name, values in NUMBERS.items()),
        *(("boolean", name, values) for name, values in BOOLEANS.items()),
        *(("timestamp", name, values) for name, values in TIMESTAMPS.items()),
        *(("category", name, values) for name, values in CATEGORIES.items()),
        *(("text", name, values) for name, values in TEXTS.items()),
        *((kind, name, values) for kind, columns in OTHERS.items() for name, values in columns.items()),
    ],
)
def test_values_tell_the_type(expected: ColumnTypeName, name: str, values: Sequence[Any]) -> None:
    assert of(values) == expected


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (["1", "2"], ["3"], "number"),
        (["1", "2"], ["three"], "category"),
        (["1", "2"], ["007"], "category"),
        (["yes"], ["no"], "boolean"),
        (["yes"], ["true"], "category"),
        (["2024-01-31"], ["soon"], "category"),
        ([None, None], ["1"], "number"),
        (many("word {}", 15), many("other {}", 15), "text"),
    ],
)
def test_parts_are_one_column(first: list[str | None], second: list[str | None], expected: ColumnTypeName) -> None:
    parts = [survey(pl.Series("x", values, dtype=pl.String)) for values in (first, second)]
    assert inferred_type(merge(*parts)) == inferred_type(merge(*reversed(parts))) == expected
