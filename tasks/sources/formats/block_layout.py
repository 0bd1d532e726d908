"""The layout of a block of whole rows: where they end, how many cells they have, whether quotes wrap cells.

All of it is arithmetic on the positions of separators, quotes and line ends, a block at a time: a text of a gigabyte is
checked to the last byte in seconds. Blocks are UTF-8.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tasks.sources.formats.row_blocks import UNIT_SEPARATOR

_QUOTE, _NEWLINE, _RETURN, _SPACE = b'"\n\r '

_EACH_BYTE = np.uint64(0x0101010101010101)

Positions = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class BlockLayout:
    """The rows of one block. Separators and line ends in quotes are none, if it is `quoted`."""

    separator: str
    quoted: bool
    padded: bool
    comment: str | None = None
    block: bytes = b""

    @property
    def mark(self) -> str:
        """The separator as it stands in the block."""
        return self.separator if self.separator.isascii() else UNIT_SEPARATOR

    @cached_property
    def signs(self) -> NDArray[np.uint8]:
        return np.frombuffer(self.block, dtype=np.uint8)

    @cached_property
    def quotes(self) -> Positions:
        return self._positions(_QUOTE) if self.quoted else np.empty(0, dtype=np.int64)

    @cached_property
    def line_ends(self) -> Positions:
        """The line feeds, and the end of a last line without one."""
        ends = self._positions(_NEWLINE)
        # Files often lack the line feed behind their last row.
        if len(self.signs) and self.signs[-1] != _NEWLINE:
            ends = np.append(ends, len(self.signs))
        return ends

    @cached_property
    def ends(self) -> Positions:
        """Where rows end."""
        return self.line_ends[~self._is_inside(self.line_ends)]

    @cached_property
    def starts(self) -> Positions:
        return np.concatenate([[0], self.ends[:-1] + 1])

    @cached_property
    def swallows(self) -> bool:
        """Whether a cell has a line break in its quotes."""
        return len(self.ends) < len(self.line_ends)

    @cached_property
    def is_row(self) -> Mask:
        """Lines without any sign but their end are no rows, nor are rows of empty cells alone, nor comments."""
        lengths = self.ends - self.starts
        # On Windows a blank line holds a carriage return.
        blank: Mask = (lengths == 0) | ((lengths == 1) & (self._signs(self.starts) == _RETURN))
        blank |= self._holds_nothing
        if not self.comment:
            return ~blank
        comment: Mask = np.logical_and.reduce(
            [self._signs(self.starts + place) == sign for place, sign in enumerate(self.comment.encode())]
        )
        return np.logical_not(blank | comment)

    @property
    def may_hold_nothing(self) -> bool:
        """Whether a line begins with a separator or a blank: else no row has empty cells alone."""
        starts = self._signs(np.concatenate([[0], self.line_ends + 1]))
        return bool(np.any((starts == ord(self.mark)) | (starts == _SPACE)))

    @property
    def _holds_nothing(self) -> Mask:
        """Rows of separators, blanks and empty quotes, with one separator at least: spreadsheets write them below."""
        empty_signs = [ord(self.mark), _SPACE, _RETURN, _NEWLINE, *([_QUOTE] if self.quoted else [])]
        is_filled = np.ones(256, dtype=bool)
        is_filled[empty_signs] = False
        holds_nothing: Mask = (self.widths > 1) & ~is_filled[self._signs(self.starts)]
        # Most tables are done with here, and the others but for a few rows by counting.
        if holds_nothing.any():
            holds_nothing &= ~np.logical_or.reduceat(is_filled[self.signs], self.starts)
        blanks = b"" if self.mark == " " else b" *"
        cell = blanks + (b'(?:"' + blanks + b'"' + blanks + b")?" if self.quoted else b"")
        empty = re.compile(cell + b"(?:" + re.escape(self.mark.encode()) + cell + b")*\r?")
        for row in np.flatnonzero(holds_nothing):
            # A separator or a quote within quotes is content.
            holds_nothing[row] = empty.fullmatch(self.block, self.starts[row], self.ends[row]) is not None
        return holds_nothing

    @cached_property
    def row_lines(self) -> Positions:
        """How many lines of the block stand before each row, blank lines and comments left out."""
        rows = np.flatnonzero(self.is_row)
        return np.searchsorted(self.line_ends, self.starts[rows]) if self.swallows else rows

    @cached_property
    def widths(self) -> Positions:
        """The number of cells of each row."""
        return np.diff(np.searchsorted(self._separators, self.ends), prepend=0) + 1

    def first_of_other_width(self, width: int) -> int | None:
        """The first row with another number of cells."""
        if self._are_all_of_width(width):
            return None
        wrong = np.flatnonzero(self.widths != width)
        if len(wrong):
            # Blank lines and comments have other widths and are no rows; most blocks have none of either.
            wrong = wrong[self.is_row[wrong]]
        return int(wrong[0]) if len(wrong) else None

    def _are_all_of_width(self, width: int) -> bool:
        """Whether no line has another number of cells: in most blocks, and told without counting each row's."""
        separators, ends = self._separators, self.ends
        if len(separators) != len(ends) * (width - 1):
            return False
        # Were one in another row than its place says, that row's first, or the last of the row before, would be, too.
        of_rows = separators.reshape(len(ends), width - 1)
        return width == 1 or bool((of_rows[:, -1] < ends).all() and (of_rows[1:, 0] > ends[:-1]).all())

    def first_misplaced_quote(self) -> int | None:
        """The first row with a quote that does not open at the start of a cell, or close at its end (RFC 4180)."""
        # A doubled quote closes and opens at once: counted in turn, it needs no case of its own.
        opening, closing = self.quotes[0::2], self.quotes[1::2]
        places = np.concatenate([opening[~self._opens(opening)], closing[~self._closes(closing)]])
        rows = np.searchsorted(self.ends, places)
        wrong = rows[self.is_row[rows]]
        return int(wrong.min()) if len(wrong) else None

    def first_line(self, row: int) -> int:
        """How many lines of the block stand before the row's first line."""
        return int(np.searchsorted(self.line_ends, self.starts[row]))

    def last_line(self, row: int) -> int:
        """How many lines of the block stand before the row's last line."""
        return int(np.searchsorted(self.line_ends, self.ends[row]))

    def rows_only(self) -> bytes:
        """The block without blank lines and comments, and without the spaces that pad cells."""
        # The usual case costs no copy.
        if self.is_row.all() and not self.padded:
            return self.block
        keep = np.ones(len(self.signs), dtype=bool)
        for start, end in zip(self.starts[~self.is_row], self.ends[~self.is_row] + 1, strict=True):
            keep[start:end] = False
        if self.padded:
            places = np.concatenate([self.starts, self._separators + 1])
            # A space of every cell at a time.
            while len(places := places[self._signs(places) == _SPACE]):
                keep[places] = False
                places = places + 1
        return self.block if keep.all() else self.signs[keep].tobytes()

    def with_blank(self, rows: Sequence[int]) -> BlockLayout:
        """The same with blank lines in the place of these rows, as many as they had."""
        keep = np.ones(len(self.signs), dtype=bool)
        for row in rows:
            keep[self.starts[row] : self.ends[row]] = self.signs[self.starts[row] : self.ends[row]] == _NEWLINE
        return replace(self, block=self.signs[keep].tobytes())

    def with_returns_kept(self) -> bytes:
        """The block for polars, which drops a carriage return before a separator: of two, it leaves one."""
        before = self._separators[self._signs(self._separators - 1) == _RETURN]
        return np.insert(self.signs, before, _RETURN).tobytes()

    @cached_property
    def _separators(self) -> Positions:
        places = self._positions(ord(self.mark))
        return places[~self._is_inside(places)]

    def _signs(self, places: Positions) -> NDArray[np.uint8]:
        """The bytes at these places; beyond either end of the block, line feeds."""
        # Before the first and behind the last sign a row begins and ends, as at a line feed.
        inside = (places >= 0) & (places < len(self.signs))
        signs = self.signs[np.where(inside, places, 0)] if len(self.signs) else np.zeros(len(places), dtype=np.uint8)
        return np.where(inside, signs, np.uint8(_NEWLINE))

    def _positions(self, sign: int) -> Positions:
        return np.flatnonzero(self.signs == sign)

    def _is_inside(self, places: Positions) -> Mask:
        """Whether they stand between quotes: after an odd number of them."""
        if not len(self.quotes):
            return np.zeros(len(places), dtype=bool)
        return self._is_open[np.minimum(places, len(self.signs) - 1)]

    @cached_property
    def _is_open(self) -> Mask:
        """Of each sign whether the last quote up to it opened: telling it of all is faster than looking up each."""
        return _is_odd_up_to(self.signs, _QUOTE)

    def _opens(self, places: Positions) -> Mask:
        """Whether a cell starts there; or the quote before closed, so that the two are one sign of the cell."""
        before = places - 1
        if self.padded:
            while len(spaces := np.flatnonzero(self._signs(before) == _SPACE)):
                before[spaces] -= 1
        signs = self._signs(before)
        opens: Mask = self._ends_cell(signs) | ((signs == _QUOTE) & (before == places - 1))
        return opens

    def _closes(self, places: Positions) -> Mask:
        """Whether a cell ends there."""
        signs = self._signs(places + 1)
        before_end = signs == _RETURN
        if before_end.any():
            before_end &= self._signs(places + 2) == _NEWLINE
        closes: Mask = self._ends_cell(signs) | (signs == _QUOTE) | before_end
        return closes

    def _ends_cell(self, signs: NDArray[np.uint8]) -> Mask:
        # One by one: `isin` takes several times as long.
        ends_cell: Mask = (signs == ord(self.mark)) | (signs == _NEWLINE)
        return ends_cell


def _is_odd_up_to(signs: NDArray[np.uint8], sign: int) -> Mask:
    """Of each place whether the sign stands an odd number of times up to it, and at it: eight places at a time."""
    num_places = len(signs)
    words = np.zeros(-(-num_places // 8), dtype="<u8")
    np.equal(signs, sign, out=words.view(np.bool_)[:num_places])
    # Each byte of the product is the sum of the bytes up to it: the lowest, which come first, are added to all others.
    words *= _EACH_BYTE
    words &= _EACH_BYTE
    total = words >> np.uint64(56)
    # What all words before make is turned round in each byte of a word.
    before = np.bitwise_xor.accumulate(total)
    before ^= total
    before *= _EACH_BYTE
    words ^= before
    return words.view(np.bool_)[:num_places]
