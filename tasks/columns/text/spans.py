"""Which words of a text the terms or tokens are that an answer went by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tasks.columns.spans import Span
from tasks.columns.text.terms import WORD, chunks, runs_of

if TYPE_CHECKING:
    from tokenizers import Tokenizer


def term_spans(
    text: str, indices: Mapping[str, int], ngrams: tuple[int, int], amounts: NDArray[np.float64]
) -> tuple[Span, ...]:
    """Each word with its share of the terms that it is part of: a term's amount is shared out evenly among the places
    at which it stands, and among its words."""
    words = [(match.start(), match.end(), match[0].lower()) for match in WORD.finditer(text)]
    places: defaultdict[int, list[range]] = defaultdict(list)
    for term, place in _terms(words, ngrams):
        if term in indices:
            places[indices[term]].append(place)
    shares = np.zeros(len(words))
    for index, stretches in places.items():
        for stretch in stretches:
            shares[stretch] += amounts[index] / (len(stretches) * len(stretch))
    return _spans([(start, end) for start, end, _ in words], shares)


def run_spans(
    text: str, indices: Mapping[str, int], lengths: tuple[int, int], amounts: NDArray[np.float64]
) -> tuple[Span, ...]:
    """Each word, signs and all, with its share of the runs of characters in it."""
    words = chunks(text)
    places: defaultdict[int, list[int]] = defaultdict(list)
    for number, (_, _, word) in enumerate(words):
        for run in runs_of(word.lower(), lengths):
            if run in indices:
                places[indices[run]].append(number)
    shares = np.zeros(len(words))
    for index, numbers in places.items():
        np.add.at(shares, numbers, amounts[index] / len(numbers))
    return _spans([(start, end) for start, end, _ in words], shares)


def merged_spans(text: str, *spans: tuple[Span, ...]) -> tuple[Span, ...]:
    """What blanks part, each with all that lies in it."""
    words = chunks(text)
    ends = np.array([end for _, end, _ in words])
    shares = np.zeros(len(words))
    for span in (span for some in spans for span in some):
        shares[int(np.searchsorted(ends, span.start, side="right"))] += span.amount
    return _spans([(start, end) for start, end, _ in words], shares)


def token_spans(text: str, tokenizer: Tokenizer, amounts: NDArray[np.float64]) -> tuple[Span, ...]:
    """Each word with the sum of its pieces; words behind the end of what the model reads have none."""
    encoded = tokenizer.encode(text)
    pieces: dict[int | None, list[int]] = {}
    for number, word in enumerate(encoded.word_ids):
        pieces.setdefault(word, []).append(number)
    ends = [(encoded.offsets[own[0]][0], encoded.offsets[own[-1]][1]) for own in pieces.values()]
    return _spans(
        [_trimmed(text, *stretch) for stretch in ends], np.array([amounts[own].sum() for own in pieces.values()])
    )


def _terms(words: list[tuple[int, int, str]], ngrams: tuple[int, int]) -> Iterator[tuple[str, range]]:
    shortest, longest = ngrams
    for size in range(shortest, longest + 1):
        for start in range(len(words) - size + 1):
            place = range(start, start + size)
            yield " ".join(words[number][2] for number in place), place


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Without the blank that a word begins with as a token."""
    return start + len(text[start:end]) - len(text[start:end].lstrip()), end


def _spans(stretches: list[tuple[int, int]], amounts: NDArray[np.float64]) -> tuple[Span, ...]:
    return tuple(
        Span(start=start, end=end, amount=float(amount))
        for (start, end), amount in zip(stretches, amounts, strict=True)
        if amount and end > start
    )
