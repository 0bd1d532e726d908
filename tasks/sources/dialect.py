"""How a delimited text is written: separator, quoting and header; given, or found out from the lines."""

from __future__ import annotations

import csv
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tasks.errors import UserError
from tasks.params import TableSource
from tasks.sources.quoting import QUOTED, is_quoted
from tasks.sources.text import Text, without_end

_SEPARATORS = "\t;|,"
"""In the order of preference when several would do: a comma is the likeliest to stand in text."""

_NUM_SAMPLE_LINES = 1_000


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How lines become cells; `padded`: a space stands after each separator and is no part of the cell."""

    separator: str
    quoted: bool
    padded: bool


def find_dialect(text: Text, config: TableSource, separator: str | None = None) -> Dialect:
    """What the user gives, and for the rest what the lines say."""
    sample = list(itertools.islice(text.lines(), _NUM_SAMPLE_LINES))
    separator = config.separator or separator or _find_separator(sample)
    padded = _is_padded(sample, separator)
    quoted = config.quoting == "double"
    if config.quoting == "auto" and text.has_quotes:
        quoted = is_quoted(text.lines, separator, padded)
    return Dialect(separator=separator, quoted=quoted, padded=padded)


def has_header(text: Text, dialect: Dialect, config: TableSource) -> bool:
    """Whether the first row names the columns: as given; not when names are given; else by how it looks."""
    if config.header is not None:
        return config.header
    if config.names is not None:
        return False
    rows = itertools.islice(read_rows(text, dialect), _NUM_SAMPLE_LINES)
    return _is_header([cells for _, cells in rows])


def read_rows(text: Text, dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
    """Rows of cells, each with the number of its last line, from 1. Blank lines are no rows.

    Raises UserError where a quote is not closed at the end of its cell.
    """
    if not dialect.quoted:
        yield from _plain_rows(text.lines(), dialect)
        return
    # Python's own limit of 128 KiB a cell is too small for text; quotes that never close were looked for before.
    csv.field_size_limit(2**31 - 1)
    reader = csv.reader(text.lines(), delimiter=dialect.separator, strict=True, skipinitialspace=dialect.padded)
    line = 0
    try:
        for row in reader:
            line = reader.line_num
            if row:
                yield line, row
    except csv.Error as error:
        raise UserError(
            f"{text.shown}:{line + 1}: the row that begins here cannot be read ({error}); mend its quotes, "
            "or set ingest.source.quoting to none if they are signs like any other"
        ) from None


def _plain_rows(lines: Iterable[str], dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(lines, 1):
        content = without_end(line)
        if content:
            cells = content.split(dialect.separator)
            yield number, [cell.lstrip(" ") for cell in cells] if dialect.padded else cells


def _find_separator(lines: list[str]) -> str:
    """The one that stands equally often in the most of these lines; a comma when none stands in the first."""
    plain = [line for line in lines if without_end(line)]
    stripped = [line for line in QUOTED.sub("", "".join(plain)).splitlines() if line]
    shares = {mark: max(_agreement(plain, mark), _agreement(stripped, mark)) for mark in _SEPARATORS}
    best = max(_SEPARATORS, key=lambda mark: shares[mark])
    return best if shares[best] else ","


def _agreement(lines: list[str], separator: str) -> float:
    """The share of lines with the commonest number of this separator; 0 when the first line has none."""
    if not lines or separator not in lines[0]:
        return 0.0
    commonest, num_lines = Counter(line.count(separator) for line in lines).most_common(1)[0]
    return num_lines / len(lines) if commonest else 0.0


def _is_padded(lines: list[str], separator: str) -> bool:
    """Whether a space follows each separator of these lines."""
    marks = sum(line.count(separator) for line in lines)
    return separator in ",;|" and marks > 0 and sum(line.count(f"{separator} ") for line in lines) == marks


def _is_header(rows: list[list[str]]) -> bool:
    """No numbers in the first row, and fewer than half of its cells come again below, in their column."""
    if not rows:
        return True
    first, below = rows[0], [row for row in rows[1:] if row != rows[0]]
    if any(_is_number(cell) for cell in first):
        return False
    columns = [{row[place] for row in below if place < len(row)} for place in range(len(first))]
    num_again = sum(cell in column for cell, column in zip(first, columns, strict=True) if cell)
    return 2 * num_again < len(first)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
