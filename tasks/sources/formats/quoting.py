"""Whether double quotes wrap the cells of a delimited text, or are signs like any other."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace

from tasks.sources.formats.blocks import BlockLayout, OpenQuoteError, row_blocks, separated
from tasks.sources.formats.encoding import Text, without_end

QUOTED = re.compile(r'"[^"]*(?:""[^"]*)*"')
"""A cell in double quotes; a quote in it is doubled (RFC 4180)."""


_MOST_LOOKED_AT = 1 << 26
"""Bytes. Quotes that contradict each other only later are said with their line when the rows are read."""


def is_quoted(text: Text, like: BlockLayout) -> bool:
    """Tries both readings on the lines; separator, padding and comment are those of `like`.

    Quotes wrap cells only if each opens at the start of a cell, closes at its end, and all rows then have as many
    cells. When that and reading lines as they are both work, line breaks in quotes would swallow lines that are whole
    rows: then quotes count only if the first line has all of its cells in them. When neither works, what works longer
    counts. A file that breaks off in quotes, after cells that are wrapped as they should be, is quoted, and refused
    when it is read: quotes that became signs would change all of those cells.
    """
    plain = _try(text, replace(like, quoted=False))
    quoted = _try(text, replace(like, quoted=True))
    if plain.works and quoted.works:
        return not quoted.swallows or _all_wrapped(next(text.lines(), ""), like)
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
    cell = (" *" if like.padded else "") + QUOTED.pattern
    return re.fullmatch(rf"{cell}(?:{mark}{cell})*", without_end(line)) is not None
