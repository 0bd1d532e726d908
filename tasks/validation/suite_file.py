"""A suite's file as JSON, and the types of expectations that may stand in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tasks.errors import UserError

_TYPE_NAMES = """
    expect_column_distinct_values_to_be_in_set expect_column_distinct_values_to_contain_set
    expect_column_distinct_values_to_equal_set expect_column_kl_divergence_to_be_less_than
    expect_column_max_to_be_between expect_column_mean_to_be_between expect_column_median_to_be_between
    expect_column_min_to_be_between expect_column_most_common_value_to_be_in_set
    expect_column_pair_values_a_to_be_greater_than_b expect_column_pair_values_to_be_equal
    expect_column_pair_values_to_be_in_set expect_column_proportion_of_non_null_values_to_be_between
    expect_column_proportion_of_unique_values_to_be_between expect_column_quantile_values_to_be_between
    expect_column_stdev_to_be_between expect_column_sum_to_be_between expect_column_to_exist expect_column_type_to_be
    expect_column_unique_value_count_to_be_between expect_column_value_lengths_to_be_between
    expect_column_value_lengths_to_equal expect_column_value_z_scores_to_be_less_than
    expect_column_values_to_be_between expect_column_values_to_be_dateutil_parseable
    expect_column_values_to_be_decreasing expect_column_values_to_be_in_set expect_column_values_to_be_in_type_list
    expect_column_values_to_be_increasing expect_column_values_to_be_json_parseable expect_column_values_to_be_null
    expect_column_values_to_be_of_type expect_column_values_to_be_unique expect_column_values_to_match_json_schema
    expect_column_values_to_match_like_pattern expect_column_values_to_match_like_pattern_list
    expect_column_values_to_match_regex expect_column_values_to_match_regex_list
    expect_column_values_to_match_strftime_format expect_column_values_to_not_be_in_set
    expect_column_values_to_not_be_null expect_column_values_to_not_be_outliers
    expect_column_values_to_not_match_like_pattern expect_column_values_to_not_match_like_pattern_list
    expect_column_values_to_not_match_regex expect_column_values_to_not_match_regex_list
    expect_compound_columns_to_be_unique expect_multicolumn_sum_to_equal expect_multicolumn_values_to_be_equal
    expect_select_column_values_to_be_unique_within_record expect_table_column_count_to_be_between
    expect_table_column_count_to_equal expect_table_columns_to_match_ordered_list expect_table_columns_to_match_set
    expect_table_row_count_to_be_between expect_table_row_count_to_equal
    """

KNOWN_TYPES = frozenset(_TYPE_NAMES.split())
"""What Great Expectations 1.24 can check on a table in memory: all that it registers, but for those that need SQL."""


def read_suite_json(path: Path) -> Any:
    """The file's content. Raises UserError that names the line, or says how to get a suite."""
    try:
        return json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except FileNotFoundError:
        raise UserError(missing_suite(path)) from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8") from None
    except json.JSONDecodeError as error:
        raise UserError(
            f"{path}:{error.lineno}: not JSON: {error.msg} at column {error.colno}; mend that line, or remove "
            f"the file, and `modelwright expect {path.stem} --write` drafts it anew"
        ) from None
    except _ConstantError as error:
        raise UserError(f"{path}: {error} is no JSON number; write one, or leave the bound out") from None


def missing_suite(path: Path) -> str:
    """What to do without the file: a block was copied or renamed by hand, or the file was never put into git."""
    name = path.stem
    return (
        f"{path}: there is no such suite; `modelwright expect {name} --write` drafts one from the data, and where "
        f"{name} is another pipeline renamed by hand, `modelwright rename OLD {name}` takes all over that OLD had"
    )


class _ConstantError(Exception):
    """NaN or Infinity, which Python reads and JSON does not know."""


def _refuse_constant(constant: str) -> Any:
    raise _ConstantError(constant)
