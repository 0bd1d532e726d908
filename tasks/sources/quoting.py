"""Whether double quotes wrap the cells of a delimited text, or are signs like any other."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from tasks.sources.text import without_end

QUOTED = re.compile(r'"[^"]*(?:""[^"]*)*"')
"""A cell in double quotes; a quote in it is doubled (RFC 4180)."""

_MAX_LINES = 10_000
"""A quote that is still open after so many lines was none; without a limit, memory would be that of the file."""


def is_quoted(lines: Callable[[], Iterable[str]], separator: str, padded: bool) -> bool:
    """Tries both readings on all lines.

    Quotes wrap cells only if each opens at the start of a cell, closes at its end, and all rows then have as many
    cells. When that and reading lines as they are both work, line breaks in quotes would swallow lines that are whole
    rows: then quotes count only if the first line has all of its cells in them. When neither works, what works longer
    counts.
    """
    plain = _plain_failure(lines(), separator)
    quoted, swallows = _quoted_failure(lines(), separator, padded)
    if plain is None and quoted is None:
        first = without_end(next(iter(lines()), ""))
        return not swallows or _row_pattern(separator, padded, all_quoted=True).fullmatch(first) is not None
    if plain is None or quoted is None:
        return quoted is None
    return quoted > plain


def _plain_failure(lines: Iterable[str], separator: str) -> int | None:
    """The first line with another number of cells than the first, quotes read as any sign; None when all agree."""
    width = None
    for number, line in enumerate(lines, 1):
        if without_end(line):
            count = line.count(separator)
            width = count if width is None else width
            if count != width:
                return number
    return None


def _quoted_failure(lines: Iterable[str], separator: str, padded: bool) -> tuple[int | None, bool]:
    """The first line where quotes do not wrap whole cells or the width changes; whether a cell has line breaks."""
    row = _row_pattern(separator, padded)
    width, swallows = None, False
    for number, text, num_lines in _quoted_rows(lines):
        if text is None or ('"' in text and not row.fullmatch(text)):
            return number, swallows
        count = QUOTED.sub("", text).count(separator)
        width = count if width is None else width
        if count != width:
            return number, swallows
        swallows = swallows or num_lines > 1
    return None, swallows


def _quoted_rows(lines: Iterable[str]) -> Iterator[tuple[int, str | None, int]]:
    """(first line, text, number of lines) of each row, which goes on while its quotes are odd in number.

    The text is None, and the last, where a quote is never closed.
    """
    pending: list[str] = []
    is_open = False
    start = 1
    for line in lines:
        is_open ^= bool(line.count('"') % 2)
        pending.append(line)
        if is_open and len(pending) > _MAX_LINES:
            break
        if not is_open:
            text = without_end("".join(pending))
            if text:
                yield start, text, len(pending)
            start, pending = start + len(pending), []
    if pending:
        yield start, None, len(pending)


def _row_pattern(separator: str, padded: bool, all_quoted: bool = False) -> re.Pattern[str]:
    mark = re.escape(separator)
    wrapped = (" *" if padded else "") + QUOTED.pattern
    cell = wrapped if all_quoted else rf'(?:{wrapped}|[^"{mark}]*)'
    return re.compile(rf"{cell}(?:{mark}{cell})*")
