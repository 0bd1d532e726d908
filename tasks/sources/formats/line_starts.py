"""What stands where a text or a line begins and is no content: lines above the table, `sep=`, byte order marks."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator

MARK = "\ufeff"
"""A byte order mark, decoded. Files that are joined, and programs that write line by line, leave it in the midst."""

_DECLARED = re.compile(r'"?sep=(.)"?', re.IGNORECASE)
_MARKED_LINE = b"\n" + codecs.BOM_UTF8
_CUT_MARKS = (codecs.BOM_UTF8[:2], codecs.BOM_UTF8[:1])


def declared_separator(line: str) -> str | None:
    """What Excel's `sep=;` in the first line says; None for any other line."""
    match = _DECLARED.fullmatch(line.removeprefix(MARK).rstrip("\r\n"))
    return match[1] if match else None


def without_marks(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """UTF-8 without the byte order marks that stand where a line begins."""
    rest, is_line_start = b"", True
    for block in blocks:
        joined = rest + block
        # Two in a row come from a joined file that was saved with a mark again.
        while is_line_start and joined.startswith(codecs.BOM_UTF8):
            joined = joined.removeprefix(codecs.BOM_UTF8)
        while _MARKED_LINE in joined:
            joined = joined.replace(_MARKED_LINE, b"\n")
        # A mark may be cut by the end of a block: what could be its beginning goes to the next one.
        cut = next((part for part in _CUT_MARKS if joined.endswith(b"\n" + part)), b"")
        if is_line_start and joined in _CUT_MARKS:
            cut = joined
        rest, joined = cut, joined.removesuffix(cut)
        if joined:
            yield joined
            is_line_start = joined.endswith(b"\n")
    yield rest


def with_blank_lines(blocks: Iterable[bytes], num_lines: int) -> Iterator[bytes]:
    """The first lines without their content: they are no rows then, and all others keep their numbers."""
    for block in blocks:
        ends: list[int] = []
        while num_lines and (end := block.find(b"\n", ends[-1] if ends else 0) + 1):
            ends.append(end)
            num_lines -= 1
        start = ends[-1] if ends else 0
        yield b"\n" * len(ends) + (b"" if num_lines else block[start:])
