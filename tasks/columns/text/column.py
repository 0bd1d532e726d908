"""Text: TF-IDF over runs of words, or the numbers of learnt pieces of words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
from tasks.columns.text.terms import character_runs, terms
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


@dataclass(frozen=True)
class TextState:
    """How many documents there were, and in how many of them each term and run of characters stands; for tokens, how
    often each word does."""

    num_documents: int
    counts: Counter[str]
    runs: Counter[str] = field(default_factory=Counter)


class TextEncoding(Encoding):
    """tfidf: a document becomes term counts times `idf`, scaled to length 1, and beside it the same of its runs of
    characters. tokens: the numbers of its pieces in `vocabulary`, made by `merges` in their order; a text of more than
    `length` is cut."""

    type: Literal["text"] = "text"
    encode: Literal["tfidf", "tokens"] = "tfidf"
    ngrams: tuple[int, int] = (1, 1)
    terms: tuple[str, ...] = ()
    idf: tuple[float, ...] = ()
    characters: tuple[int, int] | None = None
    runs: tuple[str, ...] = ()
    runs_idf: tuple[float, ...] = ()
    sublinear: bool = False
    vocabulary: tuple[str, ...] = ()
    merges: tuple[str, ...] = ()
    length: int = 0

    @property
    def requirements(self) -> tuple[str, ...]:
        return ("tokenizers",) if self.encode == "tokens" else ("scipy",)

    def field(self, name: str) -> Field:
        if self.encode == "tokens":
            return Field(name=name, kind="tokens", shape=(self.length,), vocabulary=len(self.vocabulary))
        labels = (*(f"{name}:{term}" for term in self.terms), *(f"{name}:'{run}'" for run in self.runs))
        return Field(name=name, kind="sparse", shape=(len(labels),), labels=labels)

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
        runs: Counter[str] = Counter()
        for document in documents:
            # As a set: idf asks in how many documents a term stands, not how often.
            counts.update(set(terms(document, settings.ngrams)))
            if settings.characters:
                runs.update(set(character_runs(document, settings.characters)))
        return TextState(len(documents), counts, runs)

    def merge(self, first: TextState, second: TextState) -> TextState:
        return TextState(
            first.num_documents + second.num_documents, first.counts + second.counts, first.runs + second.runs
        )

    def finish(self, state: TextState, settings: NormalizeText) -> TextEncoding:
        """idf(t) = ln((1 + n) / (1 + documents with t)) + 1: scikit-learn's smoothed form."""
        if settings.encode == "tokens":
            return _tokens(state, settings)
        words, idf = _kept(state.counts, state.num_documents, settings.min_documents, settings.max_features)
        runs, runs_idf = _kept(state.runs, state.num_documents, settings.min_documents, settings.max_character_runs)
        if not (words or runs):
            raise UserError("has no term in enough training rows; lower normalize.text.min_documents")
        return TextEncoding(
            ngrams=settings.ngrams,
            terms=words,
            idf=idf,
            characters=settings.characters,
            runs=runs,
            runs_idf=runs_idf,
            sublinear=settings.sublinear,
        )

    def transform(self, values: pl.Series, encoding: TextEncoding) -> Block:
        """csr_matrix [N, K] float32, or [N, L] int32 for tokens."""
        documents = [document or "" for document in values.to_list()]
        if encoding.encode == "tokens":
            return byte_pairs.encode(encoding.tokenizer, documents, encoding.length)
        return _tfidf(documents, encoding)

    def spans(self, value: Any, encoding: TextEncoding, amounts: NDArray[np.float64]) -> tuple[Span, ...]:
        from tasks.columns.text.spans import merged_spans, run_spans, term_spans, token_spans

        if encoding.encode == "tokens":
            return token_spans(value, encoding.tokenizer, amounts)
        if encoding.characters is not None:
            runs = run_spans(value, encoding.run_indices, encoding.characters, amounts)
            return merged_spans(value, term_spans(value, encoding.indices, encoding.ngrams, amounts), runs)
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


def _kept(
    counts: Mapping[str, int], num_documents: int, fewest: int, most: int
) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """The most frequent terms, in alphabetical order, and their idf."""
    enough = {term: count for term, count in counts.items() if count >= fewest}
    kept = sorted(sorted(enough, key=lambda term: (-enough[term], term))[:most])
    idf = np.log((1 + num_documents) / (1 + np.array([enough[term] for term in kept]))) + 1
    return tuple(kept), tuple(map(round_significant, idf))


def _tfidf(documents: Sequence[str], encoding: TextEncoding) -> csr_matrix:
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
