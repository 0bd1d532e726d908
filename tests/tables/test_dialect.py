from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from tasks.tables.dialect import ColumnDialect

GERMAN = {"decimal": ",", "thousands": "."}


@pytest.mark.parametrize(
    ("values", "dtype", "dialect", "missing"),
    [
        (["", "?", " ?", "a"], pl.String, {}, [0]),
        (["", "?", " ?", "a"], pl.String, {"missing": ("", "?")}, [0, 1]),
        (["", "a"], pl.String, {"missing": ()}, []),
        (["-999", "-999.0"], pl.String, {"missing": ("-999",)}, [0]),
        ([-999.0, 1.0, None], pl.Float64, {"missing": ("", "?", "-999")}, [0, 2]),
        ([-999, 1], pl.Int64, {"missing": ("-999",)}, [0]),
        ([-999, 1], pl.Int64, {"missing": ("-999.5",)}, []),
        ([-999, 1], pl.Int64, {"missing": ("-999.0",)}, [0]),
        ([2**53, 2**53 + 1], pl.Int64, {"missing": (str(2**53 + 1),)}, [1]),
        ([255, 1], pl.UInt8, {"missing": ("-999", "255")}, [0]),
        ([-999.9, -999.0], pl.Float64, {"missing": ("-999.9",)}, [0]),
        ([-999.9, -9999.0], pl.Float64, {"missing": ("-999,9", "-9.999"), **GERMAN}, [0, 1]),
        # What the source would never write so is what programs would.
        ([-99.95], pl.Float64, {"missing": ("-99.95",), **GERMAN}, [0]),
        ([True, False], pl.Boolean, {"missing": ("true",)}, []),
    ],
)
def test_what_stands_for_a_missing_value_is_missing(
    values: list[Any], dtype: Any, dialect: dict[str, Any], missing: list[int]
) -> None:
    cells = pl.Series("x", values, dtype=dtype)
    without = ColumnDialect.model_validate(dialect).without_missing(cells)
    assert (without.name, without.dtype) == ("x", dtype)
    assert [place for place, value in enumerate(without) if value is None] == missing
    assert without.drop_nulls().to_list() == [value for place, value in enumerate(values) if place not in missing]


def test_whether_numbers_are_written_plainly() -> None:
    assert ColumnDialect().writes_plain_numbers
    assert not ColumnDialect(thousands=" ").writes_plain_numbers
    assert not ColumnDialect(decimal=",").writes_plain_numbers
