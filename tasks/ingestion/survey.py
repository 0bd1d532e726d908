"""What a table's values are, column by column: states that merge, so that types are inferred over all parts."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

import polars as pl

from tasks.columns import TYPE_NAMES, column_type
from tasks.columns.boolean.column import PAIRS
from tasks.columns.category.column import FEW_CATEGORIES, MAX_CATEGORIES, MAX_LENGTH
from tasks.columns.timestamp.formats import FORMATS, first_format, fitting_formats, parse
from tasks.columns.value_summary import Storage
from tasks.params.config import ColumnTypeName
from tasks.repair.number_text import parsed
from tasks.sources.base import NumberFormat

_LARGEST_WHOLE = 2.0**63
_LARGEST_EXACT = 2.0**53
"""Up to here every whole number is a float64 of its own."""
_HEAD = 4_096
"""Values that tell of most columns that they have more distinct ones than are counted."""


@dataclass(frozen=True, kw_only=True)
class Survey:
    """One column's values in some rows. `distinct`, as they are written, is None beyond MAX_CATEGORIES of them."""

    storage: Storage
    num_rows: int
    num_present: int
    is_number: bool
    """All values are numbers, as NumberColumn reads them."""
    is_code: bool
    """All values are digits and the like, but some begin with a zero that a number would lose."""
    is_whole: bool
    is_exact: bool
    """No number is whole and so large that a float64 would change its digits: as identifiers are."""
    formats: frozenset[str]
    """The timestamp formats that all values are written in."""
    could_be: frozenset[ColumnTypeName]
    """Of the types that ask each value, those that all values could be."""
    longest: int
    """Characters of the longest value; of numbers, bytes."""
    distinct: frozenset[str] | None
    num_unread: int = 0
    """Cells that are no values of the type that the user gave; they count as missing."""

    @property
    def is_bytes(self) -> bool:
        return self.storage == "bytes"

    @property
    def is_boolean(self) -> bool:
        """All values are of one pair of words, such as yes and no."""
        if self.storage != "text":
            return self.storage == "boolean"
        # Yes, YES and yes are one word: a few spellings of each are read, and no more.
        if self.distinct is None or len(self.distinct) > 2 * FEW_CATEGORIES or not self.num_present:
            return False
        words = {word.strip().lower() for word in self.distinct}
        return any(words <= set(pair) for pair in PAIRS)

    @property
    def format(self) -> str | None:
        """How its timestamps are written, if it is text of timestamps."""
        return first_format(self.formats) if self.storage == "text" and self.num_present else None

    @property
    def num_distinct(self) -> int:
        """MAX_CATEGORIES + 1 stands for any larger number. Of numbers, 1 and 1.0 are the same one, and nan is none."""
        if self.distinct is None:
            return MAX_CATEGORIES + 1
        if not (self.is_number and self.is_exact):
            return len(self.distinct)
        # A nan is not equal to itself: each would count.
        return len({number for cell in self.distinct if not math.isnan(number := float(cell))})

    @property
    def could_be_classes(self) -> bool:
        return not self.is_bytes and self.num_distinct <= MAX_CATEGORIES and self.longest <= MAX_LENGTH


_NO_FORMATS: frozenset[str] = frozenset()


def survey(values: pl.Series, known: Survey | None = None, numbers: NumberFormat | None = None) -> Survey:
    """What one part of a column says; with what other parts have settled already, it need not be asked again."""
    return survey_and_read(values, known, numbers)[0]


def survey_and_read(
    values: pl.Series, known: Survey | None = None, numbers: NumberFormat | None = None
) -> tuple[Survey, pl.Series | None]:
    """The survey, and the values as numbers or timestamps when they all are: reading them is most of the work."""
    numbers = numbers or NumberFormat()
    storage = _storage(values.dtype)
    present = values.drop_nulls() if values.null_count() else values
    as_numbers = None
    if storage == "number" or (storage == "text" and (known is None or known.is_number)):
        as_numbers = _as_numbers(values, numbers)
    formats, times = _NO_FORMATS, None
    if storage == "text" and as_numbers is None and (known is None or known.formats):
        formats, times = _as_timestamps(values, known.formats if known else FORMATS)
    # Numbers that Python would not read as they are written are counted by their values.
    cells = present if as_numbers is None or numbers == NumberFormat() else as_numbers.drop_nulls()
    result = Survey(
        storage=storage,
        num_rows=len(values),
        num_present=len(present),
        is_number=as_numbers is not None,
        is_code=as_numbers is not None or ((known is None or known.is_code) and _is_code(present)),
        is_whole=as_numbers is not None and (known is None or known.is_whole) and _is_whole(as_numbers),
        is_exact=as_numbers is None or ((known is None or known.is_exact) and is_exact(values, as_numbers)),
        formats=formats if len(present) else frozenset(FORMATS),
        could_be=_could_be(present, storage, known),
        longest=_longest(present, is_number=as_numbers is not None),
        distinct=_distinct(cells) if known is None or known.distinct is not None else None,
    )
    return result, times if as_numbers is None else as_numbers


def merge(first: Survey, second: Survey) -> Survey:
    """What two parts say together."""
    distinct = first.distinct | second.distinct if first.distinct is not None and second.distinct is not None else None
    return Survey(
        # Files of one table may be typed differently; what all of them can be is text.
        storage=first.storage if second.storage == first.storage else "text",
        num_rows=first.num_rows + second.num_rows,
        num_present=first.num_present + second.num_present,
        is_number=first.is_number and second.is_number,
        is_code=first.is_code and second.is_code,
        is_whole=first.is_whole and second.is_whole,
        is_exact=first.is_exact and second.is_exact,
        formats=first.formats & second.formats,
        could_be=first.could_be & second.could_be,
        longest=max(first.longest, second.longest),
        distinct=distinct if distinct is not None and len(distinct) <= MAX_CATEGORIES else None,
        num_unread=first.num_unread + second.num_unread,
    )


def _storage(dtype: pl.DataType) -> Storage:
    if dtype == pl.Binary:
        return "bytes"
    if dtype == pl.Boolean:
        return "boolean"
    if dtype in (pl.Date, pl.Datetime):
        return "timestamp"
    return "number" if dtype.is_numeric() else "text"


def _could_be(present: pl.Series, storage: Storage, known: Survey | None) -> frozenset[ColumnTypeName]:
    names = TYPE_NAMES if known is None else known.could_be
    types = [column_type(name) for name in names]
    # A type of files is asked of bytes only, and the others of anything else.
    asked = [of_type for of_type in types if of_type.asks_values and of_type.is_media == (storage == "bytes")]
    return frozenset(of_type.name for of_type in asked if of_type.could_be(present))


def _as_numbers(values: pl.Series, numbers: NumberFormat) -> pl.Series | None:
    if values.dtype == pl.String:
        as_numbers = parsed(values, numbers.decimal, numbers.thousands)
        return None if as_numbers is None else as_numbers.fill_nan(None)
    return column_type("number").cast(values) if values.dtype.is_numeric() else None


def _is_code(present: pl.Series) -> bool:
    if present.dtype.is_integer():
        return True
    return present.dtype == pl.String and present.str.strip_chars().cast(pl.Float64, strict=False).null_count() == 0


def _is_whole(numbers: pl.Series) -> bool:
    return bool(((numbers % 1 == 0) & (numbers.abs() < _LARGEST_WHOLE)).all())


def is_exact(cells: pl.Series, numbers: pl.Series) -> bool:
    """Whether the whole numbers among the cells keep all their digits as `numbers`, which are float64."""
    # The one behind the largest becomes the largest.
    is_large = (numbers.abs() >= _LARGEST_EXACT) & numbers.is_finite()
    if not is_large.any() or cells.dtype.is_float():
        return True
    large = cells.filter(is_large)
    if large.dtype == pl.String:
        large = large.str.strip_chars().str.strip_prefix("+")
        # With a fraction or an exponent it is an amount, which has been rounded where it was written.
        is_written_whole = large.str.contains("^-?[0-9]+$")
        large, numbers = large.filter(is_written_whole), numbers.filter(is_large).filter(is_written_whole)
    else:
        numbers = numbers.filter(is_large)
    # Int128 has 38 digits: numbers beyond become missing on one side at least, and are called inexact.
    return bool((large.cast(pl.Int128, strict=False) == numbers.cast(pl.Int128, strict=False)).fill_null(False).all())


def _as_timestamps(values: pl.Series, among: Collection[str]) -> tuple[frozenset[str], pl.Series | None]:
    """The formats that all values are written in, and the values read by the first of them."""
    # Nearly every wrong format fails on the first values, so only the likely ones read all.
    likely = fitting_formats(values.head(_HEAD), among)
    read = {name: parse(values, name) for name in FORMATS if name in likely}
    fitting = {name: times for name, times in read.items() if times.null_count() == values.null_count()}
    return frozenset(fitting), next(iter(fitting.values()), None)


def _longest(present: pl.Series, *, is_number: bool) -> int:
    if present.dtype != pl.String or present.is_empty():
        return 0
    # Digits are a byte each, and bytes are counted faster.
    longest = (present.str.len_bytes() if is_number else present.str.len_chars()).max()
    assert isinstance(longest, int)
    return longest


def _distinct(present: pl.Series) -> frozenset[str] | None:
    if present.dtype == pl.Binary:
        return frozenset()
    # So most columns of text are done with after a few thousand values.
    if present.head(_HEAD).n_unique() > MAX_CATEGORIES:
        return None
    unique = present.unique()
    return frozenset(unique.cast(pl.String).to_list()) if len(unique) <= MAX_CATEGORIES else None
