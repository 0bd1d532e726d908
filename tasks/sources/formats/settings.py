"""What the first lines of a delimited text say of settings that nobody gave: for `modelwright init` to write down.

Comments and number formats are proposed here and never assumed when rows are read: a mark at the start of a line, or a
comma in a number, may as well be data.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from tasks.params.sources import TableSource
from tasks.sources.base import NumberFormat
from tasks.sources.formats.dialect import Dialect, find_dialect, find_separator, has_header, read_rows, sample_lines
from tasks.sources.formats.encoding import Text, without_end

# What begins more than a fifth of the lines is data.
_MOST_COMMENTS = 0.2
_MARK = re.compile(r"[^\w\s\"'+.\-(\[{<]{1,2}")
"""How a comment may begin: with one or two signs that neither a word, a number nor a quoted cell begins with."""

_NUMBERS = (
    NumberFormat(decimal=",", thousands=None),
    NumberFormat(decimal=",", thousands="."),
    NumberFormat(decimal=",", thousands=" "),
    NumberFormat(decimal=".", thousands=","),
    NumberFormat(decimal=".", thousands=" "),
    NumberFormat(decimal=".", thousands="'"),
)
"""Besides the plain one; the simplest first."""

_ENCODINGS = {"utf-8-sig": "utf-8"}


def find_settings(text: Text, config: TableSource) -> dict[str, Any]:
    """Separator, quoting, encoding, header, comment and number format, as settings of the source's block."""
    comment = config.comment or _comment(text)
    config = config.model_copy(update={"comment": comment})
    dialect = find_dialect(text, config)
    header = has_header(text, dialect, config)
    numbers = _number_format(text, dialect, header=header)
    return {
        "separator": dialect.separator,
        **({"quoting": "double" if dialect.quoted else "none"} if text.has_quotes else {}),
        "encoding": _ENCODINGS.get(text.encoding, text.encoding),
        "header": header,
        **({"comment": comment} if comment else {}),
        **({"decimal": numbers.decimal} if numbers.decimal != "." else {}),
        **({"thousands": numbers.thousands} if numbers.thousands else {}),
    }


def _comment(text: Text) -> str | None:
    """A mark that begins a few lines, each with another number of cells than the rows have, and no row."""
    lines = [line for line in sample_lines(text, None) if without_end(line)]
    marks = Counter(match.group() for line in lines if (match := _MARK.match(line)))
    # Sorted: the same proposal for the same marks, whichever comes first.
    likely = sorted(mark for mark, count in marks.items() if count <= max(1, _MOST_COMMENTS * len(lines)))
    return next((mark for mark in likely if _sets_apart(mark, lines)), None)


def _sets_apart(mark: str, lines: Sequence[str]) -> bool:
    rows = [line for line in lines if not line.startswith(mark)]
    separator = find_separator(rows)
    widths = Counter(line.count(separator) for line in rows)
    if not widths or not widths.most_common(1)[0][0]:
        return False
    usual = widths.most_common(1)[0][0]
    # A line that begins with a mark and has the cells of a row is a row.
    return all(line.count(separator) != usual for line in lines if line.startswith(mark))


def _number_format(text: Text, dialect: Dialect, *, header: bool) -> NumberFormat:
    """The format in which the most columns hold numbers that they do not hold in the plain one."""
    rows = list(itertools.islice(read_rows(text, dialect), int(header), 1_000))
    columns = [[cell.strip() for cell in cells if cell.strip()] for cells in itertools.zip_longest(*rows, fillvalue="")]
    # What reads as numbers already must not change: 1.234 is one number to some, another to others.
    columns = [cells for cells in columns if cells and not _are_numbers(cells, NumberFormat())]
    counts = {numbers: sum(_are_numbers(cells, numbers) for cells in columns) for numbers in _NUMBERS}
    # `max` keeps the first of equals, which is the simplest.
    best = max(_NUMBERS, key=lambda numbers: counts[numbers])
    return best if counts[best] else NumberFormat()


def _are_numbers(cells: Sequence[str], numbers: NumberFormat) -> bool:
    """Whether all cells are numbers of that format, bar a few words that may stand for missing ones."""
    point = re.escape(numbers.decimal)
    whole = rf"(?:\d+|\d{{1,3}}(?:{re.escape(numbers.thousands)}\d{{3}})+)" if numbers.thousands else r"\d+"
    pattern = re.compile(rf"[+-]?{whole}(?:{point}\d+)?(?:[eE][+-]?\d+)?")
    strange = {cell for cell in cells if not pattern.fullmatch(cell)}
    return len(strange) <= 1 and not any(re.search(r"\d", cell) for cell in strange) and len(strange) < len(set(cells))
