"""Text: TF-IDF over runs of words."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import polars as pl

from tasks.columns.base import ColumnType, Encoding, Expectation, expectation, round_significant
from tasks.errors import UserError
from tasks.inputs import Field
from tasks.params import ColumnTypeName, NormalizeText

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


@dataclass(frozen=True)
class TextState:
    """In how many documents each term stands, and how many documents there were."""

    num_documents: int
    documents_with: Counter[str]


class TextEncoding(Encoding):
    """A document becomes term counts times `idf`, scaled to length 1."""

    type: Literal["text"] = "text"
    ngrams: tuple[int, int]
    terms: tuple[str, ...]
    idf: tuple[float, ...]

    def field(self, name: str) -> Field:
        labels = tuple(f"{name}:{term}" for term in self.terms)
        return Field(name=name, kind="sparse", shape=(len(self.terms),), labels=labels)


class TextColumn(ColumnType[TextState, NormalizeText, TextEncoding]):
    """Free text, as it came."""

    name: ClassVar[ColumnTypeName] = "text"
    dtype: ClassVar[pl.DataType] = pl.String()

    def could_be(self, values: pl.Series) -> bool:
        return values.dtype == pl.String

    def expect(self, column: str, values: pl.Series) -> list[Expectation]:
        longest = values.str.len_chars().max()
        limit = 10 * int(longest) if isinstance(longest, int) and longest else 10_000
        return [
            expectation("column_values_to_not_be_null", "warning", column=column),
            expectation("column_value_lengths_to_be_between", "critical", column=column, max_value=limit),
        ]

    def faults(self, values: pl.Series) -> pl.Series:
        blank = values.fill_null("").str.strip_chars().str.len_chars() == 0
        reason = pl.when(pl.col("blank")).then(pl.lit(f"{values.name} is blank"))
        return pl.DataFrame({"blank": blank}).select(reason.alias(values.name)).to_series()

    def fit(self, values: pl.Series, settings: NormalizeText) -> TextState:
        analyze = _vectorizer(settings.ngrams).build_analyzer()
        documents = values.fill_null("").to_list()
        counts: Counter[str] = Counter()
        for document in documents:
            counts.update(set(analyze(document)))
        return TextState(len(documents), counts)

    def merge(self, first: TextState, second: TextState) -> TextState:
        return TextState(first.num_documents + second.num_documents, first.documents_with + second.documents_with)

    def finish(self, state: TextState, settings: NormalizeText) -> TextEncoding:
        """idf(t) = ln((1 + n) / (1 + documents with t)) + 1: scikit-learn's smoothed form."""
        counts = {term: count for term, count in state.documents_with.items() if count >= settings.min_documents}
        if not counts:
            raise UserError("has no term in enough training rows; lower normalize.text.min_documents")
        terms = sorted(sorted(counts, key=lambda term: (-counts[term], term))[: settings.max_features])
        found_in = np.array([counts[term] for term in terms])
        idf = np.log((1 + state.num_documents) / (1 + found_in)) + 1
        return TextEncoding(ngrams=settings.ngrams, terms=tuple(terms), idf=tuple(map(round_significant, idf)))

    def transform(self, values: pl.Series, encoding: TextEncoding) -> csr_matrix:
        from scipy.sparse import csr_matrix
        from sklearn.preprocessing import normalize

        if values.is_empty():
            return csr_matrix((0, len(encoding.terms)), dtype=np.float32)
        counts = _vectorizer(encoding.ngrams, encoding.terms).transform(values.fill_null("").to_list())
        weighted = counts.multiply(np.asarray(encoding.idf)).tocsr()
        return normalize(weighted, norm="l2").astype(np.float32)


def _vectorizer(ngrams: tuple[int, int], terms: tuple[str, ...] | None = None) -> Any:
    from sklearn.feature_extraction.text import CountVectorizer

    vocabulary = None if terms is None else {term: number for number, term in enumerate(terms)}
    return CountVectorizer(ngram_range=ngrams, vocabulary=vocabulary)
