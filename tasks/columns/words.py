"""The words of a column's name."""

from __future__ import annotations

import re

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[^\W\d_a-zA-Z]+")


def words(name: str) -> list[str]:
    """The words of a column's name in small letters: `userId`, `user_id` and `USER ID` are the same two."""
    return [word.lower() for word in _WORD.findall(name)]
