"""What a table's values are, column by column: states that merge, so that types are inferred over all parts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import polars as pl

from tasks.columns import column_type
from tasks.columns.category import MAX_CATEGORIES, MAX_LENGTH
from tasks.params import ColumnTypeName

_FEW = 20
_FEW_SHARE = 0.05
"""A text column is a category when its values repeat: at most 20 distinct ones, or one to every 20 rows."""

_LARGEST_WHOLE = 2.0**63
_LEADING_ZERO = r"^\s*[+-]?0\d"


@dataclass(frozen=True, kw_only=True)
class Survey:
    """One column's values in some rows. `distinct`, as they are written, is None beyond MAX_CATEGORIES of them."""

    num_rows: int
    num_present: int
    is_number: bool
    """All values are numbers, as NumberColumn reads them."""
    is_code: bool
    """All values are digits and the like, but some begin with a zero that a number would lose."""
    is_whole: bool
    is_bytes: bool
    longest: int
    distinct: frozenset[str] | None

    @property
    def num_distinct(self) -> int:
        """MAX_CATEGORIES + 1 stands for any larger number. Of numbers, 1 and 1.0 are the same one, and nan is none."""
        if self.distinct is None:
            return MAX_CATEGORIES + 1
        if not self.is_number:
            return len(self.distinct)
        return len({number for cell in self.distinct if not math.isnan(number := float(cell))})

    @property
    def could_be_classes(self) -> bool:
        return not self.is_bytes and self.num_distinct <= MAX_CATEGORIES and self.longest <= MAX_LENGTH


def survey(values: pl.Series) -> Survey:
    """What one part of a column says."""
    present = values.drop_nulls()
    is_number = column_type("number").could_be(present)
    return Survey(
        num_rows=len(values),
        num_present=len(present),
        is_number=is_number,
        is_code=is_number or _is_code(present),
        is_whole=is_number and _is_whole(present),
        is_bytes=present.dtype == pl.Binary,
        longest=_longest(present),
        distinct=_distinct(present),
    )


def merge(first: Survey, second: Survey) -> Survey:
    """What two parts say together."""
    distinct = first.distinct | second.distinct if first.distinct is not None and second.distinct is not None else None
    return Survey(
        num_rows=first.num_rows + second.num_rows,
        num_present=first.num_present + second.num_present,
        is_number=first.is_number and second.is_number,
        is_code=first.is_code and second.is_code,
        is_whole=first.is_whole and second.is_whole,
        is_bytes=first.is_bytes or second.is_bytes,
        longest=max(first.longest, second.longest),
        distinct=distinct if distinct is not None and len(distinct) <= MAX_CATEGORIES else None,
    )


def survey_parts(parts: Iterable[pl.DataFrame]) -> Mapping[str, Survey]:
    """Every column of a table, one part in memory at a time."""
    found: dict[str, Survey] = {}
    for part in parts:
        for values in part:
            here = survey(values)
            found[values.name] = merge(found[values.name], here) if values.name in found else here
    return found


def infer_type(found: Survey) -> ColumnTypeName:
    """The first type that all values fit: number, image, category, text. A column without any value is a category."""
    if found.is_bytes:
        return "image"
    if found.num_present == 0:
        return "category"
    if found.is_number:
        return "number"
    if found.is_code:
        return "category"
    few = min(max(_FEW, _FEW_SHARE * found.num_rows), MAX_CATEGORIES)
    return "category" if found.num_distinct <= few and found.longest <= MAX_LENGTH else "text"


def cast(values: pl.Series, to: ColumnTypeName, found: Survey, is_target: bool) -> pl.Series:
    """Values as they are at rest. Whole numbers become categories without `.0`: class 1 is class 1."""
    if to == "category" and found.is_whole and is_target and values.dtype == pl.String:
        values = column_type("number").cast(values)
    return column_type(to).cast(values)


def _is_code(present: pl.Series) -> bool:
    return present.dtype == pl.String and present.str.strip_chars().cast(pl.Float64, strict=False).null_count() == 0


def _is_whole(present: pl.Series) -> bool:
    numbers = column_type("number").cast(present)
    return bool(((numbers % 1 == 0) & (numbers.abs() < _LARGEST_WHOLE)).all())


def _longest(present: pl.Series) -> int:
    if present.dtype != pl.String or present.is_empty():
        return 0
    longest = present.str.len_chars().max()
    assert isinstance(longest, int)
    return longest


def _distinct(present: pl.Series) -> frozenset[str] | None:
    if present.dtype == pl.Binary:
        return frozenset()
    unique = present.unique()
    return frozenset(unique.cast(pl.String).to_list()) if len(unique) <= MAX_CATEGORIES else None
