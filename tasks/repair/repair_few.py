"""A few texts put right one by one: what `tasks.repair` does to many, without the price of a call of polars each.

A server encodes a row at a time, and each call costs more than the whole row may.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tasks.repair import Repair

FEW = 8
"""Up to so many texts this is faster."""

_WHITE_SPACE = "\t\n\x0b\x0c\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
"""What Unicode calls so, and polars: Python's own `strip` takes four more signs."""

_TO_BLANKS = str.maketrans(_WHITE_SPACE, " " * len(_WHITE_SPACE))


def texts_repaired(values: Sequence[str | None], repair: Repair) -> list[str | None]:
    """Each text put right, missing ones as they are. Not for repairs that change the case: Python and polars may follow
    different versions of Unicode."""
    assert repair.case == "keep"
    return [None if value is None else _repaired(value, repair) for value in values]


def _repaired(value: str, repair: Repair) -> str | None:
    if repair.unicode != "none" and not value.isascii():
        value = unicodedata.normalize(repair.unicode, value)
    if repair.white_space != "keep":
        value = value.strip(_WHITE_SPACE)
    if repair.white_space == "all":
        value = " ".join(filter(None, value.translate(_TO_BLANKS).split(" ")))
    if repair.keep is not None:
        value = value[: repair.keep]
    value = repair.replace.get(value, value)
    if repair.allowed is not None and value not in repair.allowed:
        return None
    if repair.common is not None and value not in repair.common:
        return repair.rare_name
    return value
