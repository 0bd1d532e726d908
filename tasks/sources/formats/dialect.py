"""How a delimited text is written: separator, quoting and header; given, or found out from the lines."""

from __future__ import annotations

import csv
import itertools
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from tasks.params.sources import TableSource
from tasks.sources.formats.block_layout import BlockLayout
from tasks.sources.formats.encoding import Text, without_end
from tasks.sources.formats.header import names_columns
from tasks.sources.formats.row_blocks import OpenQuoteError, row_blocks, separated

_SEPARATORS = "\t;|,"
"""In the order of preference when several would do: a comma is the likeliest to stand in text."""

_QUOTED = re.compile(r'"[^"]*(?:""[^"]*)*"')
"""A cell in double quotes; a quote in it is doubled (RFC 4180)."""

_MOST_LOOKED_AT = 1 << 26
"""Bytes. Quotes that contradict each other only later are said with their line when the rows are read."""

NUM_SAMPLE_LINES = 1_000
# Two blanks on each line are three words of a phrase.
_LEAST_BLANKS = 3


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How lines become cells.

    `padded`: a space stands after each separator and is no part of the cell. Lines that begin with `comment` are
    no rows.
    """

    separator: str
    quoted: bool
    padded: bool
    comment: str | None = None


def find_dialect(text: Text, config: TableSource, separator: str | None = None) -> Dialect:
    """What the user gives, and for the rest what the lines say."""
    sample = sample_lines(text, config.comment)
    # What the user says, before what the file itself or its name says, before what the lines say.
    separator = config.separator or text.separator or separator or find_separator(sample)
    padded = is_padded(sample, separator)
    quoted = config.quoting == "double"
    if config.quoting == "auto" and text.has_quotes:
        quoted = _is_quoted(text, BlockLayout(separator=separator, quoted=True, padded=padded, comment=config.comment))
    return Dialect(separator=separator, quoted=quoted, padded=padded, comment=config.comment)


def sample_lines(text: Text, comment: str | None) -> list[str]:
    """The first lines that are no comments."""
    lines = (line for line in text.lines() if not (comment and line.startswith(comment)))
    return list(itertools.islice(lines, NUM_SAMPLE_LINES))


def has_header(text: Text, dialect: Dialect, config: TableSource) -> bool:
    """Whether the first row names the columns: as given; not when names are given; else by how it looks."""
    if config.header is not None:
        return config.header
    # Names are given to files that have none; one that has says header: true.
    if config.names is not None:
        return False
    rows = itertools.islice(read_rows(text, dialect), NUM_SAMPLE_LINES)
    return names_columns(list(rows))


def read_rows(text: Text, dialect: Dialect) -> Iterator[list[str]]:
    """Rows of cells, a Python list each: for the first few. Blank lines and rows of empty cells alone are no rows; what
    cannot be read ends them."""
    for row in _all_rows(text, dialect):
        if len(row) == 1 or any(cell.strip(" ") for cell in row):
            yield row


def _all_rows(text: Text, dialect: Dialect) -> Iterator[list[str]]:
    lines = (line for line in text.lines() if not (dialect.comment and line.startswith(dialect.comment)))
    if not dialect.quoted:
        yield from _plain_rows(lines, dialect)
        return
    # Python's own limit of 128 KiB a cell is too small for text.
    csv.field_size_limit(2**31 - 1)
    reader = csv.reader(map(_without_returns, lines), delimiter=dialect.separator, skipinitialspace=dialect.padded)
    yield from ([cell.replace("\0", "\r") for cell in row] for row in reader if row)


def _without_returns(line: str) -> str:
    """With NULs, which no text holds, for carriage returns within the line: Python takes these for line ends."""
    content = without_end(line)
    return content.replace("\r", "\0") + line[len(content) :]


def _plain_rows(lines: Iterable[str], dialect: Dialect) -> Iterator[list[str]]:
    for line in lines:
        content = without_end(line)
        if content:
            cells = content.split(dialect.separator)
            yield [cell.lstrip(" ") for cell in cells] if dialect.padded else cells


def find_separator(lines: list[str]) -> str:
    """The one that stands equally often in the most of these lines; a comma when none stands in the first."""
    plain = [line for line in lines if without_end(line)]
    # Separators in quotes are none; but a lone quote would strip whole lines, so both readings are counted.
    stripped = [line for line in _QUOTED.sub("", "".join(plain)).splitlines() if line]
    shares = {mark: max(_agreement(plain, mark), _agreement(stripped, mark)) for mark in _SEPARATORS}
    best = max(_SEPARATORS, key=lambda mark: shares[mark])
    if shares[best]:
        return best
    return " " if _stands_in_columns(plain) else ","


def _stands_in_columns(lines: list[str]) -> bool:
    """Whether blanks separate cells: equally many on every line, and too many for a few words."""
    counts = {without_end(line).count(" ") for line in lines}
    return len(lines) > 1 and len(counts) == 1 and counts.pop() >= _LEAST_BLANKS


def _agreement(lines: list[str], separator: str) -> float:
    """The share of lines with the commonest number of this separator; 0 when the first line has none."""
    if not lines or separator not in lines[0]:
        return 0.0
    commonest, num_lines = Counter(line.count(separator) for line in lines).most_common(1)[0]
    return num_lines / len(lines) if commonest else 0.0


def is_padded(lines: list[str], separator: str) -> bool:
    """Whether a space follows each separator of these lines."""
    marks = sum(line.count(separator) for line in lines)
    # Between blanks or tabs, blanks belong to nobody.
    return separator in ",;|" and marks > 0 and sum(line.count(f"{separator} ") for line in lines) == marks


def _is_quoted(text: Text, like: BlockLayout) -> bool:
    """Tries both readings on the lines; separator, padding and comment are those of `like`.

    Quotes wrap cells only if each opens at the start of a cell, closes at its end, and all rows then have as many
    cells. When that and reading lines as they are both work, line breaks in quotes would swallow lines that are whole
    rows: then quotes count only if the first line has all of its cells in them. When neither works, what works longer
    counts. A file that breaks off in quotes, after cells that are wrapped as they should be, is quoted, and refused
    when it is read: quotes that became signs would change all of those cells.
    """
    quoted = _try(text, replace(like, quoted=True))
    # Whatever the lines as they are would say: so most files are tried once.
    if quoted.works and not quoted.swallows:
        return True
    plain = _try(text, replace(like, quoted=False))
    # 0013 has the examples: two texts that begin and end with a quote, with rows between them.
    if plain.works and quoted.works:
        return _all_wrapped(next(text.lines(), ""), like)
    return quoted.breaks_off or quoted.last_line > plain.last_line


@dataclass(frozen=True, kw_only=True)
class _QuotingTrial:
    """How far a reading came: to the end (infinity), or to a line that it cannot explain."""

    last_line: float
    swallows: bool
    breaks_off: bool = False
    """The last quote is never closed, and all before it wrap cells: there are some."""

    @property
    def works(self) -> bool:
        return math.isinf(self.last_line)


def _try(text: Text, like: BlockLayout) -> _QuotingTrial:
    width: int | None = None
    swallows = has_wrapped = False
    looked_at = 0
    try:
        for line, block in row_blocks(
            separated(text.blocks(), like.separator, text.shown), text.shown, quoted=like.quoted
        ):
            looked_at += len(block)
            # Then both readings work, or neither: the end of a large file rarely tells more.
            if looked_at > _MOST_LOOKED_AT:
                break
            layout = replace(like, block=block)
            if width is None and layout.is_row.any():
                width = int(layout.widths[layout.is_row][0])
            faults = (layout.first_of_other_width(width or 1), layout.first_misplaced_quote())
            if wrong := [row for row in faults if row is not None]:
                return _QuotingTrial(last_line=line + layout.first_line(min(wrong)), swallows=swallows)
            swallows = swallows or layout.swallows
            has_wrapped = has_wrapped or len(layout.quotes) > 0
    except OpenQuoteError as error:
        return _QuotingTrial(last_line=error.line, swallows=swallows, breaks_off=has_wrapped)
    return _QuotingTrial(last_line=math.inf, swallows=swallows)


def _all_wrapped(line: str, like: BlockLayout) -> bool:
    """Whether every cell of the line stands in quotes."""
    mark = re.escape(like.separator)
    cell = (" *" if like.padded else "") + _QUOTED.pattern
    return re.fullmatch(rf"{cell}(?:{mark}{cell})*", without_end(line)) is not None
