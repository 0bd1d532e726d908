"""What most rules say of a row, as polars asks it: the same answers as Great Expectations', in a tenth of the time."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import polars as pl

from tasks.validation.expectations import Rule

_OF_LENGTHS = {
    "expect_column_value_lengths_to_be_between": ("min_value", "max_value"),
    "expect_column_value_lengths_to_equal": ("value", "value"),
}
_IN_SET = {"expect_column_values_to_be_in_set": False, "expect_column_values_to_not_be_in_set": True}
_ISO_TIME = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?)?", re.ASCII)
_LARGEST = sys.float_info.max
_KNOWN = {"column", "mostly", "min_value", "max_value", "strict_min", "strict_max", "value_set", "value"}
"""Arguments that are read here; a rule with others, such as a condition on rows, is Great Expectations' to answer."""


def failing(rule: Rule, types: Mapping[str, pl.DataType]) -> pl.Expr | None:
    """True for each row that fails the rule, in a table of these types; None where only Great Expectations can say.

    Missing values fail no rule but the one that is about them. NaN is missing, as it is to pandas, which Great
    Expectations computes with.
    """
    dtype = types.get(rule.kwargs.get("column", ""))
    if dtype is None or not rule.kwargs.keys() <= _KNOWN:
        return None
    if rule.type == "expect_column_values_to_not_be_null":
        return missing(rule.kwargs["column"], dtype)
    if rule.type == "expect_column_values_to_be_null":
        return ~missing(rule.kwargs["column"], dtype)
    fails = _breaks(rule, dtype)
    return None if fails is None else fails & ~missing(rule.kwargs["column"], dtype)


def missing(name: str, dtype: pl.DataType) -> pl.Expr:
    """True where the column of this type has no value."""
    column = pl.col(name)
    return column.is_null() | column.is_nan().fill_null(value=False) if dtype.is_float() else column.is_null()


def _breaks(rule: Rule, dtype: pl.DataType) -> pl.Expr | None:
    """True where a value that is there breaks the rule; anything where none is."""
    kwargs, column = rule.kwargs, pl.col(rule.kwargs["column"])
    if rule.type == "expect_column_values_to_be_between":
        return _outside(column, dtype, kwargs)
    if rule.type in _OF_LENGTHS and dtype == pl.String:
        low, high = (kwargs.get(name) for name in _OF_LENGTHS[rule.type])
        limits = {**kwargs, "min_value": low, "max_value": high}
        return _outside(column.str.len_chars().cast(pl.Float64), pl.Float64(), limits)
    if rule.type in _IN_SET:
        inside = _inside(column, dtype, kwargs.get("value_set"))
        return inside if inside is None or _IN_SET[rule.type] else ~inside
    return None


def _outside(column: pl.Expr, dtype: pl.DataType, kwargs: Mapping[str, Any]) -> pl.Expr | None:
    low, high = (_limit(kwargs.get(name), dtype) for name in ("min_value", "max_value"))
    # Great Expectations says of limits that are missing, crossed, or of another kind what is wrong with them.
    wanted = [name for name in ("min_value", "max_value") if kwargs.get(name) is not None]
    if not wanted or len(wanted) > (low is not None) + (high is not None):
        return None
    if low is not None and high is not None and low > high:
        return None
    too_low = _never() if low is None else (column <= low if kwargs.get("strict_min") else column < low)
    too_high = _never() if high is None else (column >= high if kwargs.get("strict_max") else column > high)
    return (too_low | too_high).fill_null(value=False)


def _limit(value: Any, dtype: pl.DataType) -> Any:
    """The limit as the column's values are; None for one that is of another kind."""
    if dtype == pl.Float64 and _is_number(value):
        return float(value)
    if dtype == pl.Datetime("us") and isinstance(value, str):
        return _time(value)
    return None


def _time(value: str) -> datetime | None:
    # Of other forms Great Expectations' parser guesses, and only it knows what.
    if not _ISO_TIME.fullmatch(value):
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def _inside(column: pl.Expr, dtype: pl.DataType, values: Any) -> pl.Expr | None:
    if not isinstance(values, list) or not values:
        return None
    if dtype == pl.String and all(isinstance(value, str) for value in values):
        return column.is_in(values).fill_null(value=False)
    if dtype == pl.Float64 and all(_is_number(value) for value in values):
        return column.is_in([float(value) for value in values]).fill_null(value=False)
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LARGEST


def _never() -> pl.Expr:
    return pl.lit(value=False)
