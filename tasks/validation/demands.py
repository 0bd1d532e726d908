"""What an expectation demands, in plain words: for messages to people who do not know Great Expectations' names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tasks.validation.expectations import Rule
from tasks.validation.shown import shown

_NAMED = 5
"""Values of a set that are written out."""

_MEASURES = {
    "expect_column_values_to_be_between": "{column}",
    "expect_column_value_lengths_to_be_between": "the length of {column}",
    "expect_column_value_lengths_to_equal": "the length of {column}",
    "expect_column_mean_to_be_between": "the mean of {column}",
    "expect_column_median_to_be_between": "the median of {column}",
    "expect_column_min_to_be_between": "the smallest {column}",
    "expect_column_max_to_be_between": "the largest {column}",
    "expect_column_sum_to_be_between": "the sum of {column}",
    "expect_column_stdev_to_be_between": "the standard deviation of {column}",
    "expect_column_unique_value_count_to_be_between": "the number of different {column}",
    "expect_column_proportion_of_unique_values_to_be_between": "the share of different {column}",
    "expect_column_proportion_of_non_null_values_to_be_between": "the share of rows with {column}",
    "expect_table_row_count_to_be_between": "the number of rows",
    "expect_table_row_count_to_equal": "the number of rows",
    "expect_table_column_count_to_be_between": "the number of columns",
    "expect_table_column_count_to_equal": "the number of columns",
}
"""What is measured by expectations that have bounds."""

_WORDS = {
    "expect_column_values_to_not_be_null": "{column} must not be missing",
    "expect_column_values_to_be_null": "{column} must be missing",
    "expect_column_values_to_be_unique": "{column} must not repeat",
    "expect_compound_columns_to_be_unique": "{column} together must not repeat",
    "expect_column_values_to_be_increasing": "{column} must rise from row to row",
    "expect_column_values_to_be_decreasing": "{column} must fall from row to row",
    "expect_column_values_to_be_in_set": "{column} must be one of {value_set}",
    "expect_column_values_to_not_be_in_set": "{column} must be none of {value_set}",
    "expect_column_distinct_values_to_be_in_set": "{column} must be one of {value_set}",
    "expect_column_distinct_values_to_contain_set": "{column} must have each of {value_set}",
    "expect_column_distinct_values_to_equal_set": "{column} must have each of {value_set}, and no other",
    "expect_column_values_to_match_regex": "{column} must match {regex}",
    "expect_column_values_to_not_match_regex": "{column} must not match {regex}",
    "expect_column_values_to_be_of_type": "{column} must be stored as {type_}",
    "expect_table_columns_to_match_set": "the columns must be {column_set}",
    "expect_table_columns_to_match_ordered_list": "the columns must be, in this order, {column_list}",
}


def demand(rule: Rule) -> str:
    """Such as `age must be from 0 to 120 (expect_column_values_to_be_between)`: the type finds it in the suite."""
    mostly = rule.kwargs.get("mostly", 1)
    share = f", in {mostly:.4g} of the rows" if mostly < 1 else ""
    return f"{_words(rule)}{share} ({rule.type})"


def unlike_columns(expected: Sequence[str], present: Sequence[str]) -> str:
    """How the table's columns differ from those that are asked for."""
    lacking = [name for name in expected if name not in present]
    more = [name for name in present if name not in expected]
    parts = [f"{words} {_listed(names)}" for words, names in (("lacks", lacking), ("has besides", more)) if names]
    return f"the table {' and '.join(parts)}" if parts else "the table has them in another order"


def _words(rule: Rule) -> str:
    column = " and ".join(rule.columns)
    if measure := _MEASURES.get(rule.type):
        return f"{measure.format(column=column)} must be {_bounds(rule.limits)}"
    values = {key: _listed(value) if isinstance(value, list) else shown(value) for key, value in rule.kwargs.items()}
    try:
        return _WORDS[rule.type].format(**{**values, "column": column})
    # An argument that a person left out, or one of the many that have no words here.
    except KeyError:
        limits = ", ".join(f"{key} {shown(value)}" for key, value in rule.limits.items() if key != "mostly")
        return f"{column or 'the table'} must keep to {limits or 'an expectation'}"


def _bounds(limits: Mapping[str, Any]) -> str:
    low, high = limits.get("min_value", limits.get("value")), limits.get("max_value", limits.get("value"))
    if low is not None and low == high:
        return f"exactly {shown(low)}"
    if low is not None and high is not None and not (limits.get("strict_min") or limits.get("strict_max")):
        return f"from {shown(low)} to {shown(high)}"
    lowest = f"{'more than' if limits.get('strict_min') else 'at least'} {shown(low)}" if low is not None else ""
    highest = f"{'less than' if limits.get('strict_max') else 'at most'} {shown(high)}" if high is not None else ""
    return " and ".join(filter(None, (lowest, highest))) or "anything"


def _listed(values: Sequence[Any]) -> str:
    more = len(values) - _NAMED
    return ", ".join(map(shown, values[:_NAMED])) + (f" and {more:,} more" if more > 0 else "")
