"""Text: TF-IDF over runs of words, what a linear model makes of it, or the numbers of learnt pieces of words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.columns.base import (
    ColumnType,
    Encoding,
    Expectation,
    Statistic,
    expectation,
    round_significant,
)
from tasks.columns.cells import CellReader, text_cell_reader
from tasks.columns.disturbance import MISSING, TYPOS, Disturbance
from tasks.columns.served import served_text
from tasks.columns.spans import Span
from tasks.columns.text import byte_pairs
from tasks.columns.text.encoding import TextEncoding, tfidf
from tasks.columns.text.score import ScoredRows, learnt_score, score_of_others, scored_rows
from tasks.columns.text.terms import character_runs, terms
from tasks.columns.value_summary import ValueSummary
from tasks.errors import UserError
from tasks.model_input.inputs import Block
from tasks.model_input.step_rows import StepRows
from tasks.params.augment import AugmentText
from tasks.params.clean import CleanColumn, CleanText
from tasks.params.config import ColumnTypeName, Config
from tasks.params.normalize import NormalizeText
from tasks.repair.repair import Repair
from tasks.tables.dialect import ColumnDialect

__all__ = ["TextColumn", "TextEncoding"]

if TYPE_CHECKING:
    from torch import Generator, Tensor


@dataclass(frozen=True)
class TextState:
    """How many documents there were, and in how many of them each term and run of characters stands; for tokens, how
    often each word does; for a score also the documents with their targets, part by part."""

    num_documents: int
    counts: Counter[str]
    runs: Counter[str] = field(default_factory=Counter)
    rows: tuple[ScoredRows, ...] = ()


class TextColumn(ColumnType[TextState, NormalizeText, TextEncoding]):
    """Free text, as it came."""

    name: ClassVar[ColumnTypeName] = "text"
    is_prose: ClassVar[bool] = True
    dtype: ClassVar[pl.DataType] = pl.String()
    encoding: ClassVar[type[Encoding]] = TextEncoding
    statistics: ClassVar[frozenset[Statistic]] = frozenset({"lengths"})
    asks_values: ClassVar[bool] = False
    is_text: ClassVar[bool] = True
    disturbances: ClassVar[tuple[Disturbance, ...]] = (MISSING, TYPOS)
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

    def fit_to_target(self, values: pl.Series, target: pl.Series, settings: NormalizeText) -> TextState:
        state = self.fit(values, settings)
        return replace(state, rows=(scored_rows(values, target),)) if settings.encode == "score" else state

    def num_folds(self, settings: NormalizeText) -> int:
        return settings.folds if settings.encode == "score" else 0

    def merge(self, first: TextState, second: TextState) -> TextState:
        return TextState(
            first.num_documents + second.num_documents,
            first.counts + second.counts,
            first.runs + second.runs,
            first.rows + second.rows,
        )

    def finish(self, state: TextState, settings: NormalizeText) -> TextEncoding:
        """idf(t) = ln((1 + n) / (1 + documents with t)) + 1: scikit-learn's smoothed form."""
        if settings.encode == "tokens":
            return _tokens(state, settings)
        words, idf = _kept(state.counts, state.num_documents, settings.min_documents, settings.max_features)
        runs, runs_idf = _kept(state.runs, state.num_documents, settings.min_documents, settings.max_character_runs)
        if not (words or runs):
            raise UserError("has no term in enough training rows; lower normalize.text.min_documents")
        encoding = TextEncoding(
            encode=settings.encode,
            ngrams=settings.ngrams,
            terms=words,
            idf=idf,
            characters=settings.characters,
            runs=runs,
            runs_idf=runs_idf,
            sublinear=settings.sublinear,
        )
        if settings.encode == "score":
            assert state.rows, "a score is learnt by fit_to_target"
            return encoding.model_copy(update={"score": learnt_score(state.rows, encoding)})
        return encoding

    def out_of_fold(self, encoding: TextEncoding, state: TextState, settings: NormalizeText) -> TextEncoding:
        """The same terms and idf, which do not look at the target, with the coefficients of other folds."""
        assert encoding.score is not None
        return encoding.model_copy(update={"score": score_of_others(state.rows, encoding, encoding.score)})

    def transform(self, values: pl.Series, encoding: TextEncoding) -> Block:
        """csr_matrix [N, K] float32, [N, num_scores] float64 for a score, or [N, L] int32 for tokens."""
        return self.few_block(values.to_list(), encoding)

    def cell_reader(self, encoding: TextEncoding, repair: Repair | None, dialect: ColumnDialect) -> CellReader | None:
        words = self.missing_texts(encoding, repair, dialect)
        return text_cell_reader(repair, dialect, words, lambda cell: self.served_value(cell, encoding, dialect))

    def few_block(self, values: list[Any], encoding: TextEncoding) -> Block:
        documents = [document or "" for document in values]
        if encoding.encode == "tokens":
            return byte_pairs.encode(encoding.tokenizer, documents, encoding.length)
        inputs = tfidf(documents, encoding)
        return inputs if encoding.score is None else encoding.score.of(inputs)

    def spans(self, value: Any, encoding: TextEncoding, amounts: NDArray[np.float64]) -> tuple[Span, ...]:
        from tasks.columns.text.spans import merged_spans, run_spans, term_spans, token_spans

        if encoding.encode == "tokens":
            return token_spans(value, encoding.tokenizer, amounts)
        if encoding.score is not None:
            # A model of the score tells of no words.
            return ()
        if encoding.characters is not None:
            runs = run_spans(value, encoding.run_indices, encoding.characters, amounts)
            return merged_spans(value, term_spans(value, encoding.indices, encoding.ngrams, amounts), runs)
        return term_spans(value, encoding.indices, encoding.ngrams, amounts)

    def augment(
        self, block: Tensor, settings: Config, generator: Generator, encoding: TextEncoding, std: float, rows: StepRows
    ) -> Tensor:
        """Tokens [B, L]; TF-IDF and scores stay as they are, since their words cannot be told apart any more."""
        from tasks.columns.text.augment import augment_tokens

        assert isinstance(settings, AugmentText)
        if encoding.encode != "tokens":
            return block[rows.own]
        return augment_tokens(block, settings, generator, rows)

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
