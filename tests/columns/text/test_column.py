from __future__ import annotations

from functools import reduce

import numpy as np
import polars as pl
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from tasks.columns.text import byte_pairs
from tasks.columns.text.column import TextColumn, TextEncoding
from tasks.errors import UserError
from tasks.params.normalize import NormalizeText

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


def test_blank_text_is_a_missing_value_and_no_fault() -> None:
    notes = pl.Series("note", ["x", "", " \t\n", None, "\u00a0"], dtype=pl.String)
    assert TEXT.is_present(notes).to_list() == [True, False, False, False, False]
    assert TEXT.faults(notes).to_list() == [None] * 5


def test_a_text_without_a_known_word_has_no_entry() -> None:
    block = TEXT.transform(pl.Series("x", ["", "unheard of", "a b c"]), learnt(DOCUMENTS))
    assert (block.shape[0], block.nnz) == (3, 0)
    assert block.dtype == np.float32


SENTENCES = ["the rose is red", "the rose is a rose", "red leaves, red roses", "Köln 🎉 rose"]


def test_tokens_are_the_same_for_the_same_texts_in_any_order_and_cut() -> None:
    settings = NormalizeText(encode="tokens", vocabulary=300, min_documents=1, length=9)
    whole = TEXT.finish(TEXT.fit(pl.Series("x", SENTENCES), settings), settings)
    states = [TEXT.fit(pl.Series("x", [text]), settings) for text in reversed(SENTENCES)]
    assert TEXT.finish(reduce(TEXT.merge, states), settings) == whole
    assert whole.vocabulary[0] == "[PAD]"
    assert len(whole.vocabulary) == len(set(whole.vocabulary)) <= 300
    assert "Ġrose" in whole.vocabulary


def test_tokens_fill_up_with_zero_and_cut_what_is_longer() -> None:
    encoding = learnt(SENTENCES, encode="tokens", vocabulary=300, length=4)
    field = encoding.field("x")
    assert (field.kind, field.shape, field.vocabulary) == ("tokens", (4,), len(encoding.vocabulary))
    block = TEXT.transform(pl.Series("x", ["rose", "", None, "the rose is red and zzzz", "[PAD]"]), encoding)
    assert block.dtype == np.int32
    assert [encoding.vocabulary[number] for number in block[0]] == ["Ġrose", "[PAD]", "[PAD]", "[PAD]"]
    assert block[1:3].tolist() == [[0] * 4] * 2
    assert (block[3] > 0).all()
    assert (block[4] > 0).all()  # the name of the filling in a text is text
    assert block.max() < len(encoding.vocabulary)


def test_every_text_comes_back_from_its_tokens() -> None:
    """Bytes are tokens too: nothing is unknown."""
    from tokenizers.decoders import ByteLevel

    encoding = learnt(SENTENCES, encode="tokens", vocabulary=300, length=60)
    for text in ("Unerhört 🎉!", "the rose", "tab\tand\nline"):
        numbers = TEXT.transform(pl.Series("x", [text]), encoding)[0]
        pieces = [encoding.vocabulary[number] for number in numbers if number]
        assert ByteLevel().decode(pieces).removeprefix(" ") == text


def test_rare_pieces_are_left_out_and_the_vocabulary_is_bounded() -> None:
    often = learnt(["abab abab"] * 5 + ["xyxy"], encode="tokens", vocabulary=300, min_documents=3)
    assert "ab" in often.vocabulary
    assert "xy" not in often.vocabulary
    assert len(learnt(SENTENCES, encode="tokens", vocabulary=260).vocabulary) == 260


def test_the_counts_of_very_many_words_are_divided(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = {"Ġrose": 4_000, "Ġred": 2_000, "Ġx": 1}
    exact = byte_pairs.learn(counts, 300, 1)
    monkeypatch.setattr(byte_pairs, "_MOST_WORDS", 1_000)
    divided = byte_pairs.learn(counts, 300, 1)
    assert {"Ġrose", "Ġred"} <= set(divided[0]) & set(exact[0])
    assert "Ġx" in exact[0]
    assert "Ġx" not in divided[0]


@pytest.mark.parametrize("sublinear", [False, True])
def test_runs_of_characters_stand_beside_words_as_scikit_learn_has_them(sublinear: bool) -> None:
    texts = ["so good :-) so good", "not bad, not good!", "a Größe of 3,5 m", "it's", "", "so it is..."]
    settings = NormalizeText(ngrams=(1, 2), characters=(2, 5), min_documents=1, sublinear=sublinear)
    column = TextColumn()
    halves = [pl.Series("note", part) for part in (texts[:2], texts[2:])]
    encoding = column.finish(column.merge(*(column.fit(half, settings) for half in halves)), settings)
    runs = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=sublinear).fit(texts)
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=sublinear).fit(texts)
    assert encoding.runs == tuple(sorted(runs.vocabulary_))
    block = column.transform(pl.Series("note", texts), encoding)
    assert not isinstance(block, np.ndarray)
    np.testing.assert_allclose(block[:, : len(encoding.terms)].toarray(), words.transform(texts).toarray(), atol=1e-6)
    np.testing.assert_allclose(block[:, len(encoding.terms) :].toarray(), runs.transform(texts).toarray(), atol=1e-6)
    field = encoding.field("note")
    assert field.shape == (block.shape[1],)
    assert {"note:so good", "note:' :-)'"} <= set(field.labels)


def test_the_most_frequent_runs_are_kept() -> None:
    settings = NormalizeText(characters=(2, 2), max_character_runs=2, min_documents=1)
    column = TextColumn()
    encoding = column.finish(column.fit(pl.Series("note", ["ab", "ab cd", "cd ab"]), settings), settings)
    # " a", "ab" and "b " stand in three texts each: of equals, the first in the alphabet.
    assert encoding.runs == (" a", "ab")
    # A text of signs alone has no word, and its runs.
    signs = column.finish(column.fit(pl.Series("note", ["!?", "!!"]), settings), settings)
    assert signs.terms == ()
    assert signs.runs == (" !", "! ")
