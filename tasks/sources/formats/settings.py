"""What the first lines of a delimited text say of settings that nobody gave: for `modelwright init` to write down.

Comments and number formats are proposed here and never assumed when rows are read: a mark at the start of a line, or a
comma in a number, may as well be data.
"""

from __future__ import annotations

import csv
import itertools
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

from tasks.params.sources import TableSource
from tasks.sources.base import NumberFormat
from tasks.sources.formats.dialect import (
    NUM_SAMPLE_LINES,
    Dialect,
    find_dialect,
    find_separator,
    has_header,
    read_rows,
    sample_lines,
)
from tasks.sources.formats.encoding import Text, without_end
from tasks.sources.formats.number_format import find_number_format
from tasks.sources.formats.titles import NumberedRow, lines_above_header

_MARK = re.compile(r"[^\w\s\"'+.\-(\[{<]{1,2}")
"""How a comment may begin: with one or two signs that neither a word, a number nor a quoted cell begins with."""

_MOST_ABOVE = 10
_QUOTINGS: dict[str, Literal[0, 3]] = {"auto": csv.QUOTE_MINIMAL, "double": csv.QUOTE_MINIMAL, "none": csv.QUOTE_NONE}

_ENCODINGS = {"utf-8-sig": "utf-8"}


def find_settings(text: Text, config: TableSource) -> dict[str, Any]:
    """Separator, quoting, encoding, header, comment and number format, as settings of the source's block."""
    comment = config.comment or _comment(text)
    config = config.model_copy(update={"comment": comment})
    # What is given counts, 0 too.
    num_above = 0 if "skip_lines" in config.model_fields_set else _lines_above(text, config)
    text = text.skipping(num_above) if num_above else text
    dialect = find_dialect(text, config)
    header = has_header(text, dialect, config)
    numbers = _number_format(text, dialect, config, header=header)
    return {
        "separator": dialect.separator,
        **({"quoting": "double" if dialect.quoted else "none"} if text.has_quotes else {}),
        "encoding": _ENCODINGS.get(text.encoding, text.encoding),
        "header": header,
        **({"skip_lines": num_above} if num_above else {}),
        **({"comment": comment} if comment else {}),
        **({"decimal": numbers.decimal} if numbers.decimal != "." else {}),
        **({"thousands": numbers.thousands} if numbers.thousands else {}),
    }


def _lines_above(text: Text, config: TableSource) -> int:
    """The lines above the header, comments among them, counted from the first of the file."""
    lines = list(itertools.islice(text.lines(), NUM_SAMPLE_LINES))
    rows = [line for line in lines if not (config.comment and line.startswith(config.comment))]
    # A title has no separators, or others: what stands further down tells.
    body = rows[min(_MOST_ABOVE, len(rows) // 2) :]
    separator = config.separator or text.separator or find_separator(body)
    # A blank line in the place of a comment, so that lines keep their numbers.
    kept = (line if not (config.comment and line.startswith(config.comment)) else "\n" for line in lines)
    # By itself, Python's reader ends at a cell of 128 KiB, which a document may well have.
    csv.field_size_limit(2**31 - 1)
    reader = csv.reader(map(without_end, kept), delimiter=separator, quoting=_QUOTINGS[config.quoting])
    numbered, num_above = [], text.num_skipped
    for cells in reader:
        numbered += [NumberedRow(num_above=num_above, cells=cells)] if cells else []
        num_above = text.num_skipped + reader.line_num
    return lines_above_header(numbered)


def _comment(text: Text) -> str | None:
    """What begins all lines above the table, none of which has the cells of a row, and no other line of the file.

    Elsewhere a line that begins so may be a row that lacks cells, or a text that begins with that sign.
    """
    lines = [line for line in sample_lines(text, None) if without_end(line)]
    first = _MARK.match(lines[0]) if lines else None
    for mark in (first.group()[:1], first.group()) if first else ():
        num_above = next((number for number, line in enumerate(lines) if not line.startswith(mark)), len(lines))
        apart = _sets_apart(mark, lines[:num_above], lines[num_above:])
        if apart and _num_beginning(text, mark) == num_above:
            return mark
    return None


def _sets_apart(mark: str, above: Sequence[str], rows: Sequence[str]) -> bool:
    separator = find_separator(list(rows))
    widths = Counter(line.count(separator) for line in rows)
    usual = widths.most_common(1)[0][0] if widths else 0
    # A line that begins with a mark and has the cells of a row is a row, or the header.
    return bool(usual) and mark[0] != separator and all(line.count(separator) != usual for line in above)


def _num_beginning(text: Text, mark: str) -> int:
    """How many lines of the whole file begin so."""
    start = b"\n" + mark.encode()
    rest, count = b"\n", 0
    for block in text.blocks():
        joined = rest + block
        count += joined.count(start)
        # One byte less than what is looked for, so that nothing is counted twice.
        rest = joined[max(0, len(joined) - len(start) + 1) :]
    return count


def _number_format(text: Text, dialect: Dialect, config: TableSource, *, header: bool) -> NumberFormat:
    given: dict[str, Any] = {
        key: getattr(config, key) for key in ("decimal", "thousands") if key in config.model_fields_set
    }
    return find_number_format(_columns(text, dialect, header=header), dialect.separator, given)


def _columns(text: Text, dialect: Dialect, *, header: bool) -> list[list[str]]:
    """The cells of each column in the first rows, without blanks around them; empty ones are none."""
    rows = list(itertools.islice(read_rows(text, dialect), int(header), NUM_SAMPLE_LINES))
    columns = [[cell.strip() for cell in cells if cell.strip()] for cells in itertools.zip_longest(*rows, fillvalue="")]
    return [cells for cells in columns if cells]
