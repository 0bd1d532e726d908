"""How text becomes model input, as the recipe keeps it: terms, their weights, and what a linear model makes of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from tasks.columns.base import Encoding
from tasks.columns.target_statistics import TargetStatistics
from tasks.columns.text import byte_pairs
from tasks.columns.text.terms import character_runs, terms
from tasks.model_input.inputs import Field
from tasks.params.config import Config

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix
    from tokenizers import Tokenizer

_DECIMALS = 10
"""Of a score: what another order of adding leaves lies far below."""


class LinearScore(Config):
    """A linear model of the target on TF-IDF: for each score a coefficient for every term and run, and an intercept.

    Of two `classes` one score, the log-odds of the second; of more one each, as before softmax; of a number
    (prediction - `mean`) / `std`. `centers` are the training rows' mean scores.
    """

    classes: tuple[str, ...] = ()
    mean: float = 0.0
    std: float = 1.0
    coefficients: tuple[tuple[float, ...], ...]
    intercepts: tuple[float, ...]
    centers: tuple[float, ...]

    @property
    def scale(self) -> TargetStatistics:
        return TargetStatistics(self.classes, self.mean, self.std)

    @cached_property
    def matrix(self) -> NDArray[np.float64]:
        """`coefficients` with a row for each term [K, num_scores]."""
        return np.array(self.coefficients, dtype=np.float64).T

    def of(self, inputs: csr_matrix) -> NDArray[np.float64]:
        """The scores [N, num_scores] of rows of TF-IDF [N, K]: each row's alike in any company."""
        # Adding 0 makes a negative zero a plain one, so that equal scores are written alike.
        return np.asarray(np.round(inputs @ self.matrix + np.array(self.intercepts), _DECIMALS) + 0.0)


class TextEncoding(Encoding):
    """tfidf: a document becomes term counts times `idf`, scaled to length 1, and beside it the same of its runs of
    characters. score: what a linear model makes of these. tokens: the numbers of its pieces in `vocabulary`, made by
    `merges` in their order; a text of more than `length` is cut."""

    type: Literal["text"] = "text"
    encode: Literal["tfidf", "score", "tokens"] = "tfidf"
    ngrams: tuple[int, int] = (1, 1)
    terms: tuple[str, ...] = ()
    idf: tuple[float, ...] = ()
    characters: tuple[int, int] | None = None
    runs: tuple[str, ...] = ()
    runs_idf: tuple[float, ...] = ()
    sublinear: bool = False
    score: LinearScore | None = None
    vocabulary: tuple[str, ...] = ()
    merges: tuple[str, ...] = ()
    length: int = 0

    @property
    def requirements(self) -> tuple[str, ...]:
        return ("tokenizers",) if self.encode == "tokens" else ("scipy",)

    def field(self, name: str) -> Field:
        if self.encode == "tokens":
            return Field(name=name, kind="tokens", shape=(self.length,), vocabulary=len(self.vocabulary))
        if self.score is not None:
            labels = tuple(f"{name} score {label}".rstrip() for label in self.score.scale.names)
            return Field(name=name, kind="dense", shape=(len(labels),), labels=labels)
        labels = (*(f"{name}:{term}" for term in self.terms), *(f"{name}:'{run}'" for run in self.runs))
        return Field(name=name, kind="sparse", shape=(len(labels),), labels=labels)

    def row_bytes(self, name: str) -> int:
        # A score is made of TF-IDF, which is a hundred times as large.
        return Field(name=name, kind="sparse", shape=()).row_bytes if self.score else self.field(name).row_bytes

    @cached_property
    def indices(self) -> dict[str, int]:
        """Each term's number."""
        return {term: number for number, term in enumerate(self.terms)}

    @cached_property
    def run_indices(self) -> dict[str, int]:
        """Each run's number; they come behind the terms."""
        return {run: number for number, run in enumerate(self.runs, len(self.terms))}

    @cached_property
    def weights(self) -> NDArray[np.float64]:
        """`idf` of terms and runs [K]."""
        return np.array((*self.idf, *self.runs_idf))

    @cached_property
    def tokenizer(self) -> Tokenizer:
        return byte_pairs.tokenizer_of(self.vocabulary, self.merges, self.length)


def tfidf(documents: Sequence[str], encoding: TextEncoding) -> csr_matrix:
    """Documents as rows of TF-IDF [N, K] float32: the words' part of length 1, and the runs' part, too."""
    from scipy.sparse import csr_matrix

    indices: list[int] = []
    counts: list[int] = []
    # Of each document two: behind its words, and behind its runs of characters, which are of length 1 by themselves.
    ends = [0]
    for document in documents:
        for known, in_document in (
            (encoding.indices, terms(document, encoding.ngrams)),
            (encoding.run_indices, character_runs(document, encoding.characters) if encoding.characters else ()),
        ):
            term_counts = Counter(known[term] for term in in_document if term in known)
            # Sorted, as a csr_matrix wants its columns, and so that the same text gives the same bytes.
            for index in sorted(term_counts):
                indices.append(index)
                counts.append(term_counts[index])
            ends.append(len(indices))
    columns, frequencies = np.array(indices, dtype=np.int32), np.array(counts, dtype=np.float64)
    if encoding.sublinear:
        frequencies = 1 + np.log(frequencies)
    weighted = _of_length_one(frequencies * encoding.weights[columns], np.array(ends))
    return csr_matrix((weighted, columns, ends[::2]), shape=(len(documents), len(encoding.weights)))


def _of_length_one(values: NDArray[np.float64], ends: NDArray[np.int64]) -> NDArray[np.float32]:
    """The values of rows, one row after the other and each up to its end, divided by their row's Euclidean length."""
    rows = np.repeat(np.arange(len(ends) - 1), np.diff(ends))
    # bincount adds one after the other, so that a row's length does not depend on what stands beside it.
    lengths = np.sqrt(np.bincount(rows, weights=values**2, minlength=len(ends) - 1))
    return (values / lengths[rows]).astype(np.float32)
