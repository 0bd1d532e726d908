from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from tasks.columns.text import TextColumn, TextEncoding
from tasks.errors import UserError
from tasks.params import NormalizeText

TEXT = TextColumn()
DOCUMENTS = ["The red rose", "a red, red ROSE!", "green leaves", "no rose without thorn", "thorn"]


def learnt(documents: list[str], **settings: object) -> TextEncoding:
    chosen = NormalizeText.model_validate({"min_documents": 1, **settings})
    return TEXT.finish(TEXT.fit(pl.Series("x", documents), chosen), chosen)


@pytest.mark.parametrize("ngrams", [(1, 1), (1, 2), (2, 3)])
@pytest.mark.parametrize("min_documents", [1, 2])
def test_agrees_with_scikit_learn(ngrams: tuple[int, int], min_documents: int) -> None:
    reference = TfidfVectorizer(ngram_range=ngrams, min_df=min_documents)
    expected = reference.fit_transform(DOCUMENTS)
    encoding = learnt(DOCUMENTS, ngrams=ngrams, min_documents=min_documents)
    assert list(encoding.terms) == reference.get_feature_names_out().tolist()
    found = TEXT.transform(pl.Series("x", DOCUMENTS), encoding)
    assert np.allclose(found.toarray(), expected.toarray(), atol=1e-7)


def test_the_most_frequent_terms_are_kept_and_ties_go_by_name() -> None:
    assert learnt(["b c", "b a", "aa bb cc", "bb cc"], max_features=2, ngrams=(1, 1)).terms == ("bb", "cc")


def test_a_row_has_length_one_or_no_term_at_all() -> None:
    values = pl.Series("x", ["red rose", "never heard", "", None, "red"], dtype=pl.String)
    block = TEXT.transform(values, learnt(DOCUMENTS))
    assert np.sqrt(block.multiply(block).sum(axis=1)).A1.round(6).tolist() == [1, 0, 0, 0, 1]


def test_too_few_documents_for_any_term() -> None:
    with pytest.raises(UserError, match=r"has no term in enough training rows; lower normalize\.text\.min_documents"):
        learnt(["one", "two"], min_documents=2)


def test_blank_text_is_at_fault() -> None:
    reasons = TEXT.faults(pl.Series("note", ["x", "", " \t\n", None, "\u00a0"], dtype=pl.String))
    assert reasons.to_list() == [None, *["note is blank"] * 4]
