"""The score of a text: what a linear model on TF-IDF says of the target."""

from __future__ import annotations

from functools import reduce

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge

from tasks.columns.text.column import TextColumn, TextEncoding
from tasks.params.normalize import NormalizeText
from tests.small_tables import cut

TEXT = TextColumn()
NOTES = ["a red rose", "red, red roses", "green leaves", "no thorn at all", "green thorn", "a rose and a leaf"] * 3
ANSWERS = ["yes", "yes", "no", "no", "no", "yes"] * 3
COLOURS = ["red", "red", "green", "none", "green", "none"] * 3
SIZES = [3.0, 5.0, 1.0, -4.0, -2.0, 2.0] * 3


def table(target: list[str] | list[float]) -> pl.DataFrame:
    return pl.DataFrame({"note": NOTES, "target": target})


def learnt(parts: list[pl.DataFrame], **more: object) -> TextEncoding:
    chosen = NormalizeText.model_validate({"encode": "score", "min_documents": 1, **more})
    states = [TEXT.fit_to_target(part["note"], part["target"], chosen) for part in parts]
    return TEXT.finish(reduce(TEXT.merge, states), chosen)


def scores(encoding: TextEncoding, notes: list[str | None]) -> np.ndarray:
    found = TEXT.transform(pl.Series("note", notes, dtype=pl.String), encoding)
    assert isinstance(found, np.ndarray)
    return found


def test_of_two_classes_it_is_the_log_odds_of_a_logistic_regression() -> None:
    encoding = learnt([table(ANSWERS)])
    inputs = TfidfVectorizer(ngram_range=(1, 2)).fit_transform(NOTES)
    expected = LogisticRegression().fit(inputs, ANSWERS).decision_function(inputs)
    found = scores(encoding, list(NOTES))
    assert (found.shape, found.dtype) == ((18, 1), np.float64)
    assert np.allclose(found[:, 0], expected, atol=0.01)
    assert encoding.field("note").labels == ("note score yes",)


def test_of_more_classes_each_has_a_score() -> None:
    encoding = learnt([table(COLOURS)])
    inputs = TfidfVectorizer(ngram_range=(1, 2)).fit_transform(NOTES)
    expected = LogisticRegression().fit(inputs, COLOURS).decision_function(inputs)
    assert np.allclose(scores(encoding, list(NOTES)), expected, atol=0.01)
    assert encoding.field("note").labels == ("note score green", "note score none", "note score red")


def test_of_a_number_it_is_the_standardized_answer_of_a_ridge() -> None:
    encoding = learnt([table(SIZES)])
    inputs = TfidfVectorizer(ngram_range=(1, 2)).fit_transform(NOTES)
    expected = Ridge().fit(inputs, SIZES).predict(inputs)
    assert encoding.score is not None
    found = scores(encoding, list(NOTES))[:, 0] * encoding.score.std + encoding.score.mean
    assert np.allclose(found, expected, atol=0.05)
    assert encoding.field("note").labels == ("note score",)


def test_it_reads_runs_of_characters_where_they_are_asked_for() -> None:
    encoding = learnt([table(ANSWERS)], characters=[2, 3])
    assert encoding.score is not None
    assert len(encoding.score.coefficients[0]) == len(encoding.terms) + len(encoding.runs)
    # No word of it is known, but for its stem.
    assert scores(encoding, ["rosebush"])[0, 0] > scores(encoding, ["thornbush"])[0, 0]


@pytest.mark.parametrize("target", [ANSWERS, COLOURS, SIZES], ids=["two", "three", "number"])
def test_a_text_has_one_score_in_any_company_and_after_json(target: list[str] | list[float]) -> None:
    encoding = learnt([table(target)])
    notes: list[str | None] = [*NOTES, "unheard of", "", None]
    together = scores(encoding, notes)
    alone = [scores(encoding, [note]) for note in notes]
    again = TextEncoding.model_validate_json(encoding.model_dump_json())
    assert np.array_equal(together, np.concatenate(alone))
    assert np.array_equal(together, scores(again, notes))
    assert scores(encoding, []).shape == (0, together.shape[1])
    # Without a known word nothing but the intercept is left.
    assert np.array_equal(together[-1], together[-3])


@settings(derandomize=True, max_examples=10, deadline=None)
@given(places=st.lists(st.integers(0, 18), max_size=3), order=st.permutations(range(18)))
@pytest.mark.parametrize("target", [ANSWERS, SIZES], ids=["classes", "number"])
def test_it_depends_neither_on_cuts_nor_on_the_order_of_rows(
    target: list[str] | list[float], places: list[int], order: list[int]
) -> None:
    whole = learnt([table(target)])
    assert learnt(cut(table(target), places)).model_dump_json() == whole.model_dump_json()
    assert learnt([table(target)[order]]).model_dump_json() == whole.model_dump_json()


@pytest.mark.parametrize(
    ("target", "others"),
    [(ANSWERS, ["yes"] * 18), (COLOURS, ["red", "green"] * 9), (SIZES, [1.0] * 18)],
    ids=["one class", "two of three classes", "one value"],
)
def test_other_folds_may_lack_a_class_or_all_rows(
    target: list[str] | list[float], others: list[str] | list[float]
) -> None:
    chosen = NormalizeText(encode="score", min_documents=1)
    encoding = learnt([table(target)])
    assert encoding.score is not None
    for rows in (table(others), table(target).clear()):
        state = TEXT.fit_to_target(rows["note"], rows["target"], chosen)
        fold = TEXT.out_of_fold(encoding, state, chosen)
        found = scores(fold, list(NOTES))
        assert found.shape == scores(encoding, list(NOTES)).shape
        assert np.isfinite(found).all()
        if rows.is_empty():
            assert np.allclose(found, encoding.score.centers)


def test_each_folds_scores_have_the_mean_of_all() -> None:
    """Else the score would tell the fold, and with it the classes that are more frequent there than elsewhere."""
    chosen = NormalizeText(encode="score", min_documents=1)
    encoding = learnt([table(ANSWERS)])
    rows = table(ANSWERS)[:11]
    fold = TEXT.out_of_fold(encoding, TEXT.fit_to_target(rows["note"], rows["target"], chosen), chosen)
    assert encoding.score is not None
    assert scores(fold, rows["note"].to_list()).mean() == pytest.approx(encoding.score.centers[0])
    assert scores(encoding, list(NOTES)).mean() == pytest.approx(encoding.score.centers[0])


def test_a_model_of_the_score_tells_of_no_words() -> None:
    assert TEXT.spans("a red rose", learnt([table(ANSWERS)]), np.ones(1)) == ()
