"""Where the parts of a table of files end: at names, so that a file more or less changes its own part and no other."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

BYTES_PER_PART = 1 << 28
"""Of text, images and sounds: of these, a part that is bounded by its rows alone could have any size."""

_EIGHTHS = 8
"""A part is an eighth full before a name may end it, and another eighth on average before one does: small enough to be
written anew for one file, and large enough to be read in one go. One in a thousand is as full as it may be."""


def cut_by_names(files: Iterable[tuple[str, int]], rows_per_part: int, bytes_per_part: int) -> Iterator[int]:
    """How many of the files, given by name and bytes in the order of the table, each part holds.

    A part ends before a file that would be too much, or before one that its name draws by chance: the more of a part a
    file takes, the likelier. Whether it is drawn depends on that file alone, so that behind a change parts soon end
    where they did.
    """
    # In whole numbers, so that no sum depends on its order: how full a part may be, and what a file takes of that.
    full, filled, count = rows_per_part * bytes_per_part, 0, 0
    for name, size in files:
        weight = bytes_per_part + size * rows_per_part
        is_drawn = filled * _EIGHTHS >= full and _drawn(name) * full < (_EIGHTHS * weight) << 64
        if count and (is_drawn or filled + weight > full):
            yield count
            filled = count = 0
        filled, count = filled + weight, count + 1
    if count:
        yield count


def _drawn(name: str) -> int:
    """Evenly from 64 bits: names are numbered more often than not, and must not be drawn at even distances."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8])
