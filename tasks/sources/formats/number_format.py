"""How a text's numbers are written, told by its columns: what stands before the fraction, and between the thousands."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tasks.repair.number_text import plainly, with_plain_signs
from tasks.repair.units import NEARLY_ALL
from tasks.sources.base import NumberFormat

_PLAIN = NumberFormat()
_FORMATS = (
    _PLAIN,
    NumberFormat(decimal=",", thousands=None),
    NumberFormat(decimal=",", thousands="."),
    NumberFormat(decimal=",", thousands=" "),
    NumberFormat(decimal=".", thousands=","),
    NumberFormat(decimal=".", thousands=" "),
    NumberFormat(decimal=".", thousands="'"),
)
"""The simplest first."""

_BARE = re.compile(r"[+-]?[0-9]+")
_MOST_WORDS = 3
"""Different cells without a digit in a column of numbers."""
_FEWEST_GROUPED = 3
"""Cells such as 1.250 beside 987, before these are thousands and no fractions."""


def find_number_format(columns: Sequence[Sequence[str]], separator: str, given: Mapping[str, Any]) -> NumberFormat:
    """The format in which the most columns hold numbers; cells are without blanks around them, and none is empty.

    `given`: what the user says of it. Without numbers that ask for another one, it is the plain one.
    """
    # Digits alone are the same number in every format: of thousands of such columns none has to be asked.
    columns = [cells for cells in columns if not all(map(_BARE.fullmatch, cells))]
    fractions = {sign for sign in ".," if any(_before_fractions(cells, sign) for cells in columns)}
    formats = [
        numbers
        for numbers in _in_order(separator)
        # What stands before fractions in one column sets no thousands apart in another.
        if given.items() <= vars(numbers).items() and ("thousands" in given or numbers.thousands not in fractions)
    ]
    read = {numbers: [_reads(cells, numbers) for cells in columns] for numbers in formats}
    plain = read.get(_PLAIN, [False] * len(columns))
    # One that reads no column more than the plain one does has nothing for it.
    others = [
        numbers
        for numbers in formats
        if any(here and not there for here, there in zip(read[numbers], plain, strict=True))
    ]
    # `max` keeps the first of equals, which is the likeliest.
    best = max(others, key=lambda numbers: sum(read[numbers]), default=_PLAIN)
    return best if best in read and sum(read[best]) >= sum(plain) else _PLAIN


def could_be_thousands(cells: Sequence[str], sign: str) -> bool:
    """Whether `sign` stands in the cells, and always as if it set thousands apart, as in 63,607."""
    return (grouping := _grouping(cells, sign)) is not None and bool(grouping[0])


def _in_order(separator: str) -> list[NumberFormat]:
    """Who separates cells by commas hardly writes fractions with one: 63,607 is then more than sixty thousand."""
    return sorted(_FORMATS, key=lambda numbers: separator == "," and numbers.decimal == ",")


def _before_fractions(cells: Sequence[str], sign: str) -> bool:
    """Whether the cells are numbers in which the sign can mean nothing else."""
    is_one = any(sign in cell for cell in cells) and _are_numbers(cells, NumberFormat(decimal=sign))
    return is_one and not could_be_thousands(cells, sign)


def _reads(cells: Sequence[str], numbers: NumberFormat) -> bool:
    return _are_numbers(cells, numbers) and not are_thousands(cells, numbers.decimal)


def are_thousands(cells: Sequence[str], sign: str) -> bool:
    """Whether the sign can stand before no fraction: 1.234.567, or 1.250 and 2.117 beside 987."""
    grouping = _grouping(cells, sign)
    if grouping is None:
        return False
    grouped, bare = grouping
    # Fractions of three digits always, some ending in a zero, beside whole numbers without any: nobody writes so.
    is_padded = len(grouped) >= _FEWEST_GROUPED and any(cell.endswith("0") for cell in grouped)
    return any(cell.count(sign) > 1 for cell in grouped) or (bool(bare) and is_padded)


def _grouping(cells: Sequence[str], sign: str) -> tuple[list[str], list[str]] | None:
    """The numbers with the sign, and those without; None where one of them has it elsewhere than between groups."""
    import polars as pl

    written = with_plain_signs(pl.Series(cells, dtype=pl.String)).str.strip_chars_start("+-").to_list()
    grouped = [cell for cell in written if sign in cell]
    bare = [cell for cell in written if sign not in cell and cell[:1].isdigit()]
    is_grouped = all(re.fullmatch(rf"[1-9]\d{{0,2}}(?:{re.escape(sign)}\d{{3}})+", cell) for cell in grouped)
    # Whole numbers of four digits and more would be grouped as well.
    return (grouped, bare) if is_grouped and all(re.fullmatch(r"\d{1,3}", cell) for cell in bare) else None


def _are_numbers(cells: Sequence[str], numbers: NumberFormat) -> bool:
    """Whether all cells are numbers of that format, bar a few words that may stand for missing ones."""
    import polars as pl

    values = pl.Series(cells, dtype=pl.String)
    others = values.filter(plainly(values, numbers.decimal, numbers.thousands).is_null())
    strange = set(others.to_list())
    # One word may stand in most rows; of several, as a mark for missing ones and a slip, there are hardly any.
    is_few = len(others) <= (1 - NEARLY_ALL) * len(values)
    has_words_alone = not any(re.search(r"\d", cell) for cell in strange)
    return has_words_alone and len(strange) <= (_MOST_WORDS if is_few else 1) and len(strange) < len(set(cells))
