"""Slips of a key."""

from __future__ import annotations

import numpy as np

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "1234567890")
_BESIDE = {
    key: row[max(0, place - 1) : place] + row[place + 1 : place + 2] for row in _ROWS for place, key in enumerate(row)
}
"""The keys left and right of each, on the keyboard that most have."""


def mistyped(word: str, random: np.random.Generator) -> str:
    """A slip of a key: one letter twice, one lost, or two that stand side by side swapped."""
    place = int(random.integers(len(word)))
    slip = int(random.integers(3)) if len(word) > 1 else 0
    if slip == 0:
        return word[: place + 1] + word[place:]
    if slip == 1:
        return word[:place] + word[place + 1 :]
    place = min(place, len(word) - 2)
    return word[:place] + word[place + 1] + word[place] + word[place + 2 :]


def with_typo(text: str, random: np.random.Generator) -> str:
    """A text that is not empty with one typo: the key beside the right one, or what `mistyped` does.

    The four kinds are as frequent as each other; of one that would change nothing, as two equal letters swapped, a
    letter stands twice instead.
    """
    place = int(random.integers(len(text)))
    beside = _BESIDE.get(text[place].lower(), "")
    if beside and random.random() < 0.25:
        return text[:place] + beside[int(random.integers(len(beside)))] + text[place + 1 :]
    changed = mistyped(text, random)
    return changed if changed != text else text[: place + 1] + text[place:]
