"""Amounts of terms and tokens come to lie on the words of the text, and none is lost on the way."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tasks.columns import column_type
from tasks.params.normalize import NormalizeText

TEXTS = ["please cancel my contract", "Cancel it, cancel it!", "all is fine", "my contract is fine"]


def encoding_of(**settings):
    text = column_type("text")
    settings = NormalizeText(min_documents=1, **settings)
    return text.finish(text.fit(pl.Series("note", TEXTS), settings), settings)


def words(text, spans):
    return {(text[span.start : span.end], round(span.amount, 9)) for span in spans}


def test_a_term_is_shared_out_among_its_places() -> None:
    encoding = encoding_of()
    amounts = np.zeros(len(encoding.terms))
    amounts[encoding.indices["cancel"]], amounts[encoding.indices["it"]] = 1.0, -0.5
    spans = column_type("text").spans("Cancel it, cancel it!", encoding, amounts)
    assert [(span.start, span.end) for span in spans] == [(0, 6), (7, 9), (11, 17), (18, 20)]
    assert [span.amount for span in spans] == [0.5, -0.25, 0.5, -0.25]


def test_a_run_of_words_is_shared_out_among_its_words() -> None:
    encoding = encoding_of(ngrams=(1, 2))
    amounts = np.zeros(len(encoding.terms))
    amounts[encoding.indices["my contract"]], amounts[encoding.indices["contract"]] = 1.0, 0.25
    text = "my contract is fine"
    assert words(text, column_type("text").spans(text, encoding, amounts)) == {("my", 0.5), ("contract", 0.75)}


def test_words_that_the_model_does_not_know_are_left_unmarked() -> None:
    encoding = encoding_of()
    assert column_type("text").spans("entirely unheard of", encoding, np.ones(len(encoding.terms))) == ()
    assert column_type("text").spans("", encoding, np.ones(len(encoding.terms))) == ()


def test_pieces_of_a_word_are_put_together() -> None:
    encoding = encoding_of(encode="tokens", vocabulary=260, length=64)
    text = "Größe: cancel my contract"
    block = column_type("text").transform(pl.Series("note", [text]), encoding)[0]
    amounts = np.where(block > 0, np.arange(1.0, 65.0), 0.0)
    spans = column_type("text").spans(text, encoding, amounts)
    assert [text[span.start : span.end] for span in spans] == ["Größe", ":", "cancel", "my", "contract"]
    assert sum(span.amount for span in spans) == pytest.approx(amounts.sum())


def test_of_a_text_that_is_cut_only_what_was_read_is_marked() -> None:
    encoding = encoding_of(encode="tokens", vocabulary=300, length=3)
    text = "please cancel my contract, and all is fine"
    spans = column_type("text").spans(text, encoding, np.ones(3))
    assert spans
    assert spans[-1].end < len(text) / 2


def test_runs_of_characters_lie_on_their_words_signs_and_all_and_nothing_is_lost() -> None:
    encoding = encoding_of(ngrams=(1, 2), characters=(2, 4), sublinear=True)
    column = column_type("text")
    for text in [*TEXTS, "unknown; but fine!", "Cancel\tit,\n cancel"]:
        block = column.transform(pl.Series("note", [text]), encoding)
        amounts = np.random.default_rng(0).normal(size=block.shape[1]) * (block.toarray()[0] > 0)
        spans = column.spans(text, encoding, amounts)
        assert abs(sum(span.amount for span in spans) - amounts.sum()) < 1e-9
        assert all(text[span.start : span.end].strip() == text[span.start : span.end] for span in spans)
    amounts = np.zeros(len(encoding.terms) + len(encoding.runs))
    amounts[encoding.run_indices["it!"]], amounts[encoding.run_indices[" it"]] = 1.0, 0.5
    assert words(TEXTS[1], column.spans(TEXTS[1], encoding, amounts)) == {("it,", 0.25), ("it!", 1.25)}
