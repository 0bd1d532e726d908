"""The terms of a text: runs of words, and runs of characters within a word."""

from __future__ import annotations

import re
from collections.abc import Iterator

WORD = re.compile(r"\b\w\w+\b")
"""Two letters or digits at least, as scikit-learn has it."""
_CHUNK = re.compile(r"\S+")


def terms(document: str, ngrams: tuple[int, int]) -> list[str]:
    """Runs of words in lower case, from the shortest to the longest that is asked for."""
    words = WORD.findall(document.lower())
    if ngrams == (1, 1):
        return words
    shortest, longest = ngrams
    return [
        " ".join(words[start : start + size])
        for size in range(shortest, longest + 1)
        for start in range(len(words) - size + 1)
    ]


def character_runs(document: str, lengths: tuple[int, int]) -> list[str]:
    """Runs of characters in lower case that end within what blanks part: signs belong to their word, and one blank on
    each side tells a run at its edge from one in its midst. As scikit-learn's `char_wb`."""
    return [run for chunk in document.lower().split() for run in runs_of(chunk, lengths)]


def runs_of(chunk: str, lengths: tuple[int, int]) -> Iterator[str]:
    """Those of one word, as they stand."""
    edged, (shortest, longest) = f" {chunk} ", lengths
    for size in range(shortest, longest + 1):
        # One that is shorter is a run as a whole, once.
        yield from (edged[start : start + size] for start in range(max(1, len(edged) - size + 1)))
        if size >= len(edged):
            break


def chunks(text: str) -> list[tuple[int, int, str]]:
    """What blanks part, with where each begins and ends."""
    return [(match.start(), match.end(), match[0]) for match in _CHUNK.finditer(text)]
