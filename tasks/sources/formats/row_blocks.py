"""Delimited text cut into blocks of whole rows, whatever their quotes hold. Blocks are UTF-8."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from tasks.errors import UserError

LONGEST_ROW = 1 << 26
"""Bytes. A quote that is still open after so many was none; without a limit, memory would be that of the file."""

UNIT_SEPARATOR = "\x1f"
"""ASCII's own separator stands in for one that is no ASCII: places are found, and polars reads, by single bytes."""


class OpenQuoteError(Exception):
    """A quote that no other one closes; `line` is where its row begins, from 1."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


def separated(blocks: Iterable[bytes], separator: str, shown: str) -> Iterator[bytes]:
    """The blocks with a separator of one byte: in cells too, where whoever reads them has to put it back.

    Raises UserError when the byte that would stand in for a separator stands in the text already.
    """
    if separator.isascii():
        yield from blocks
        return
    mark, rest = separator.encode(), b""
    for block in blocks:
        if UNIT_SEPARATOR.encode() in block:
            raise UserError(
                f"{shown}: holds the control sign 1F, which cannot be told from the separator {separator}; "
                "take it out, or separate cells by an ASCII sign and give that as ingest.source.separator"
            )
        joined = rest + block
        # A block may end in the midst of the separator's bytes: they go to the next one.
        num_cut = next((length for length in range(len(mark) - 1, 0, -1) if joined.endswith(mark[:length])), 0)
        rest = joined[len(joined) - num_cut :]
        yield joined[: len(joined) - num_cut].replace(mark, UNIT_SEPARATOR.encode())
    # Bytes that only began like a separator are text of the last cell.
    yield rest


def row_blocks(
    blocks: Iterable[bytes], shown: str, *, quoted: bool, keep_open: Callable[[int, bytes], None] | None = None
) -> Iterator[tuple[int, bytes]]:
    """The same bytes cut after the ends of rows, each block with the number of its first line, from 1.

    A line whose quote is never closed goes to `keep_open` with its number, and rows go on behind it.
    Raises OpenQuoteError where nobody keeps it, and UserError at a line that is too long to be a row.
    """
    line, rest = 1, b""
    for block, is_last in chain(((block, False) for block in blocks), [(b"", True)]):
        rest += block
        while True:
            end = _last_row_end(rest, quoted=quoted)
            if end:
                yield line, rest[:end]
                line += rest.count(b"\n", 0, end)
                rest = rest[end:]
            is_open = quoted and rest.count(b'"') % 2 == 1
            # Whatever an open quote or a file without line ends is: memory stays that of a block.
            if len(rest) > LONGEST_ROW and not quoted:
                raise UserError(
                    f"{shown}:{line}: a line of more than {LONGEST_ROW >> 20} MiB, so this is no table of rows; "
                    "give ingest.source.format or ingest.source.encoding, or write a row a line"
                )
            if len(rest) <= LONGEST_ROW and not (is_last and is_open):
                break
            if keep_open is None:
                raise OpenQuoteError(line)
            first, _, rest = rest.partition(b"\n")
            keep_open(line, first)
            line += 1
    if rest:
        yield line, rest


def _last_row_end(block: bytes, *, quoted: bool) -> int:
    """The place after the last line feed that stands in no quotes; 0 when there is none."""
    # From the end: the last line break is nearly always outside of quotes, and then nothing else is looked at.
    end = block.rfind(b"\n") + 1
    is_open = quoted and block.count(b'"', 0, end) % 2 == 1
    # Each step goes back behind a quote, until those before the end pair up.
    while end and is_open:
        earlier = block.rfind(b"\n", 0, block.rfind(b'"', 0, end)) + 1
        is_open ^= block.count(b'"', earlier, end) % 2 == 1
        end = earlier
    return end
