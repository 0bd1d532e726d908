"""Whether a table's first row names its columns, told by its cells and those below them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

Cells = Sequence[str]

_NUMBER = re.compile(r"[+-]?(?:[0-9]+[.,]?[0-9]*|[.,][0-9]+)(?:[eE][+-]?[0-9]+)?")
"""With a decimal comma as well, since the format of numbers is not known yet."""

_YEARS = range(1800, 2101)


def names_columns(rows: Sequence[Cells]) -> bool:
    """No numbers in the first row, bar such as name columns, and fewer than half of its cells again in their column."""
    if not rows:
        return True
    # Rows that repeat the first are the header again, as in files that were joined.
    first, below = rows[0], [row for row in rows[1:] if row != rows[0]]
    columns = [[row[place] for row in below if place < len(row)] for place in range(len(first))]
    numbered = [place for place, cell in enumerate(first) if is_number(cell)]
    # Hardly any column is called by a number.
    if numbered and not _are_names(first, columns, numbered):
        return False
    num_again = sum(cell in set(column) for cell, column in zip(first, columns, strict=True) if cell)
    return 2 * num_again < len(first)


def is_number(cell: str) -> bool:
    """Whether a cell is written as a number."""
    # Python's own `float` takes names such as nan, infinity and 1_2 for numbers.
    return _NUMBER.fullmatch(cell.strip()) is not None


def _are_names(first: Cells, columns: Sequence[Cells], numbered: Sequence[int]) -> bool:
    """Whether the numbers of the first row count columns, such as years: beside words that name columns of words."""
    if not all(re.fullmatch("[0-9]{1,4}", first[place].strip()) for place in numbered):
        return False
    words = [place for place, cell in enumerate(first) if cell and place not in numbered]
    # A column of words that come again, the first not among them: what stands above is its name.
    is_named = any(_repeats(columns[place]) and first[place] not in columns[place] for place in words)
    values = [int(first[place]) for place in numbered]
    steps = {second - one for one, second in itertools.pairwise(values)}
    # One alone may be any number, but a year above other amounts; several count on, as no row below does.
    counts_on = len(steps) == 1 and 0 not in steps
    is_year = values[0] in _YEARS and not any(_is_year(cell) for cell in columns[numbered[0]])
    return is_named and (counts_on if len(values) > 1 else is_year)


def _repeats(column: Cells) -> bool:
    return 0 < 2 * len(set(column)) <= len(column)


def _is_year(cell: str) -> bool:
    return bool(re.fullmatch("[0-9]{4}", cell.strip())) and int(cell) in _YEARS
