"""Text: TF-IDF over runs of words, or the numbers of learnt pieces of words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.columns.base import (
    ColumnType,
    Encoding,
    Expectation,
    Statistic,
    ValueSummary,
    expectation,
    round_significant,
)
from tasks.columns.served import served_text
from tasks.columns.spans import Span
from tasks.columns.text import byte_pairs
from tasks.errors import UserError
from tasks.model_input.inputs import Block, Field
from tasks.params.augment import AugmentText
from tasks.params.clean import CleanColumn, CleanText
from tasks.params.config import ColumnTypeName, Config
from tasks.params.normalize import NormalizeText
from tasks.repair.repair import Repair
from tasks.tables.dialect import ColumnDialect

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix
    from tokenizers import Tokenizer
    from torch import Generator, Tensor

WORD = re.compile(r"\b\w\w+\b")
"""Two letters or digits at least, as scikit-learn has it."""


@dataclass(frozen=True)
class TextState:
    """How many documents there were, and in how many of them each term stands; for tokens, how often each word does."""

    num_documents: int
    counts: Counter[str]


class TextEncoding(Encoding):
    """tfidf: a document becomes term counts times `idf`, scaled to length 1. tokens: the numbers of its pieces in
    `vocabulary`, made by `merges` in their order; a text of more than `length` is cut."""

    type: Literal["text"] = "text"
    encode: Literal["tfidf", "tokens"] = "tfidf"
    ngrams: tuple[int, int] = (1, 1)
    terms: tuple[str, ...] = ()
    idf: tuple[float, ...] = ()
    vocabulary: tuple[str, ...] = ()
    merges: tuple[str, ...] = ()
    length: int = 0

    @property
    def requirements(self) -> tuple[str, ...]:
        return ("tokenizers",) if self.encode == "tokens" else ("scipy",)

    def field(self, name: str) -> Field:
        if self.encode == "tokens":
            return Field(name=name, kind="tokens", shape=(self.length,), vocabulary=len(self.vocabulary))
        labels = tuple(f"{name}:{term}" for term in self.terms)
        return Field(name=name, kind="sparse", shape=(len(self.terms),), labels=labels)

    @cached_property
    def indices(self) -> dict[str, int]:
        """Each term's number."""
        return {term: number for number, term in enumerate(self.terms)}

    @cached_property
    def weights(self) -> NDArray[np.float64]:
        """`idf` [K]."""
        return np.array(self.idf)

    @cached_property
    def tokenizer(self) -> Tokenizer:
        return byte_pairs.tokenizer_of(self.vocabulary, self.merges, self.length)


class TextColumn(ColumnType[TextState, NormalizeText, TextEncoding]):
    """Free text, as it came."""

    name: ClassVar[ColumnTypeName] = "text"
    is_prose: ClassVar[bool] = True
    dtype: ClassVar[pl.DataType] = pl.String()
    encoding: ClassVar[type[Encoding]] = TextEncoding
    statistics: ClassVar[frozenset[Statistic]] = frozenset({"lengths"})
    asks_values: ClassVar[bool] = False
    is_text: ClassVar[bool] = True
    has_many_inputs: ClassVar[bool] = True
    clean_settings: ClassVar[frozenset[str]] = frozenset({"replace", "personal", "generalise.keep"})

    def could_be(self, values: pl.Series) -> bool:
        return values.dtype == pl.String

    def fits(self, summary: ValueSummary) -> bool:
        """Whatever no type before it fits."""
        return True

    def expect(self, column: str, values: pl.Series) -> list[Expectation]:
        longest = values.str.len_chars().max()
        # New texts may well be longer than those that there were, but hardly ten times.
        limit = 10 * int(longest) if isinstance(longest, int) and longest else 10_000
        return [
            expectation("column_values_to_not_be_null", "warning", column=column),
            expectation("column_value_lengths_to_be_between", "critical", column=column, max_value=limit),
        ]

    def is_present(self, values: pl.Series) -> pl.Series:
        return values.fill_null("").str.strip_chars().str.len_chars() > 0

    def repair(self, own: CleanColumn, settings: Config | None) -> Repair:
        assert isinstance(settings, CleanText)
        return Repair(
            white_space="ends" if settings.white_space else "keep",
            unicode=settings.unicode,
            replace=dict(own.replace),
            keep=own.generalise.keep,
        )

    def served_value(self, value: Any, encoding: TextEncoding, dialect: ColumnDialect) -> str | None:
        return served_text(value)

    def accepts(self, dialect: ColumnDialect) -> str:
        return "text"

    def fit(self, values: pl.Series, settings: NormalizeText) -> TextState:
        documents = values.fill_null("").to_list()
        if settings.encode == "tokens":
            return TextState(len(documents), byte_pairs.count_words(filter(str.strip, documents)))
        counts: Counter[str] = Counter()
        for document in documents:
            # As a set: idf asks in how many documents a term stands, not how often.
            counts.update(set(_terms(document, settings.ngrams)))
        return TextState(len(documents), counts)

    def merge(self, first: TextState, second: TextState) -> TextState:
        return TextState(first.num_documents + second.num_documents, first.counts + second.counts)

    def finish(self, state: TextState, settings: NormalizeText) -> TextEncoding:
        """idf(t) = ln((1 + n) / (1 + documents with t)) + 1: scikit-learn's smoothed form."""
        if settings.encode == "tokens":
            return _tokens(state, settings)
        counts = {term: count for term, count in state.counts.items() if count >= settings.min_documents}
        if not counts:
            raise UserError("has no term in enough training rows; lower normalize.text.min_documents")
        terms = sorted(sorted(counts, key=lambda term: (-counts[term], term))[: settings.max_features])
        document_counts = np.array([counts[term] for term in terms])
        idf = np.log((1 + state.num_documents) / (1 + document_counts)) + 1
        return TextEncoding(ngrams=settings.ngrams, terms=tuple(terms), idf=tuple(map(round_significant, idf)))

    def transform(self, values: pl.Series, encoding: TextEncoding) -> Block:
        """csr_matrix [N, K] float32, or [N, L] int32 for tokens."""
        documents = [document or "" for document in values.to_list()]
        if encoding.encode == "tokens":
            return byte_pairs.encode(encoding.tokenizer, documents, encoding.length)
        return _tfidf(documents, encoding)

    def spans(self, value: Any, encoding: TextEncoding, amounts: NDArray[np.float64]) -> tuple[Span, ...]:
        from tasks.columns.text.spans import term_spans, token_spans

        if encoding.encode == "tokens":
            return token_spans(value, encoding.tokenizer, amounts)
        return term_spans(value, encoding.indices, encoding.ngrams, amounts)

    def augment(
        self, block: Tensor, settings: Config, generator: Generator, encoding: TextEncoding, std: float = 1.0
    ) -> Tensor:
        """Tokens [B, L]; TF-IDF stays as it is, since its words cannot be told apart any more."""
        from tasks.columns.text.augment import augment_tokens

        assert isinstance(settings, AugmentText)
        return augment_tokens(block, settings, generator) if encoding.encode == "tokens" else block

    def augment_parts(self, settings: Config) -> tuple[Config | None, Config | None]:
        return settings, None

    def augment_raw(self, value: str, settings: Config, random: np.random.Generator) -> str:
        from tasks.columns.text.augment import changed_text

        assert isinstance(settings, AugmentText)
        return changed_text(value, settings, random)


def _tokens(state: TextState, settings: NormalizeText) -> TextEncoding:
    if not state.counts:
        raise UserError("has no word in any training row; give it the role id to leave it out")
    vocabulary, merges = byte_pairs.learn(state.counts, settings.vocabulary, settings.min_documents)
    return TextEncoding(encode="tokens", vocabulary=vocabulary, merges=merges, length=settings.length)


def _terms(document: str, ngrams: tuple[int, int]) -> list[str]:
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


def _tfidf(documents: Sequence[str], encoding: TextEncoding) -> csr_matrix:
    from scipy.sparse import csr_matrix

    known = encoding.indices
    indices: list[int] = []
    counts: list[int] = []
    ends = [0]
    for document in documents:
        term_counts = Counter(known[term] for term in _terms(document, encoding.ngrams) if term in known)
        # Sorted, as a csr_matrix wants its columns, and so that the same text gives the same bytes.
        for index in sorted(term_counts):
            indices.append(index)
            counts.append(term_counts[index])
        ends.append(len(indices))
    columns = np.array(indices, dtype=np.int32)
    weighted = _of_length_one(np.array(counts, dtype=np.float64) * encoding.weights[columns], np.array(ends))
    return csr_matrix((weighted, columns, ends), shape=(len(documents), len(known)))


def _of_length_one(values: NDArray[np.float64], ends: NDArray[np.int64]) -> NDArray[np.float32]:
    """The values of rows, one row after the other and each up to its end, divided by their row's Euclidean length."""
    rows = np.repeat(np.arange(len(ends) - 1), np.diff(ends))
    # bincount adds one after the other, so that a row's length does not depend on what stands beside it.
    lengths = np.sqrt(np.bincount(rows, weights=values**2, minlength=len(ends) - 1))
    return (values / lengths[rows]).astype(np.float32)
