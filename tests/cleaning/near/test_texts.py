from __future__ import annotations

import random
import re
import string

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tasks.cleaning.findings import ROW, SCHEMA, Findings, Parts
from tasks.cleaning.near.minhash import band_keys, banding, signatures
from tasks.cleaning.near.shingles import jaccard, shingles
from tasks.cleaning.near.texts import MOST_COMPARED, RULE, near_texts
from tests.shared_data import shared

INVARIANT = settings(derandomize=True, deadline=None, max_examples=25)


def numbered(**columns: list[str | None]) -> pl.DataFrame:
    frame = pl.DataFrame({name: pl.Series(values, dtype=pl.String) for name, values in columns.items()})
    return frame.with_columns(pl.int_range(frame.height, dtype=pl.Int64).alias(ROW))


def in_parts(frame: pl.DataFrame, size: int) -> Parts:
    return lambda: (frame.slice(start, size) for start in range(0, max(frame.height, 1), size))


def near(texts: list[str | None], similarity: float = 0.8, size: int = 100) -> Findings:
    return near_texts(in_parts(numbered(text=texts), size), ["text"], similarity)


def sentence(seed: int, num_words: int = 40) -> list[str]:
    drawn = random.Random(seed)
    return ["".join(drawn.choices(string.ascii_lowercase, k=6)) for _ in range(num_words)]


def exact(one: str, other: str) -> float:
    """Jaccard's index from its definition."""
    first, second = ({text[start : start + 5] for start in range(max(1, len(text) - 4))} for text in (one, other))
    return len(first & second) / len(first | second)


def test_the_later_of_two_near_texts_is_found() -> None:
    words = sentence(1)
    changed = [*words[:-1], "changed"]
    findings = near([" ".join(words), "nothing of the kind", " ".join(changed)])
    assert findings.schema == pl.Schema(SCHEMA)
    alike = exact(" ".join(words), " ".join(changed))
    assert findings.rows() == [
        (2, RULE, f"text is nearly the text of row 0 (similarity {alike:.2f})", pytest.approx(alike))
    ]


def test_case_and_the_width_of_white_space_make_no_difference() -> None:
    assert near(["Call  me\tNOW, please", " call me now, please\n"], similarity=1)["row"].to_list() == [1]


def test_short_texts_are_compared_as_a_whole() -> None:
    assert near(["ok", "OK ", "no", "o", "ok!"], similarity=0.5)["row"].to_list() == [1]


def test_missing_and_blank_texts_are_not_judged() -> None:
    assert near([None, None, "", " ", "\n"]).is_empty()
    assert near([]).is_empty()


def test_rows_are_compared_with_rows_that_stay() -> None:
    """Of a chain a ~ b ~ c in which c is unlike a, c stays, though it is like b."""
    words = sentence(2, 60)
    chain = [" ".join([*words[:60], *tail]) for tail in ([], sentence(3, 5), [*sentence(3, 5), *sentence(4, 5)])]
    limit = 0.88
    assert exact(chain[0], chain[1]) >= limit
    assert exact(chain[1], chain[2]) >= limit
    assert exact(chain[0], chain[2]) < limit
    assert near(list(chain), limit)["row"].to_list() == [1]


def test_the_most_similar_row_is_named() -> None:
    words = sentence(5)
    texts = [" ".join([*words[:36], *sentence(6, 4)]), " ".join([*sentence(7, 2), *words[2:]]), " ".join(words)]
    assert 0.8 < exact(texts[2], texts[0]) < exact(texts[2], texts[1])
    assert exact(texts[0], texts[1]) < 0.8
    assert near(list(texts), 0.8).select("row", pl.col("reason").str.contains("row 1 ")).rows() == [(2, True)]


def test_all_columns_must_be_near() -> None:
    body, other = " ".join(sentence(8)), " ".join(sentence(9))
    frame = numbered(title=["a title", "a title", "a title", None], body=[body, other, body, body])
    findings = near_texts(in_parts(frame, 2), ["title", "body"], 0.9)
    assert findings["row"].to_list() == [2]
    assert findings["reason"].to_list() == ["title and body are nearly the texts of row 0 (similarity 1.00)"]


def test_the_same_words_in_another_column_are_no_duplicate() -> None:
    text = " ".join(sentence(10))
    assert near_texts(in_parts(numbered(a=[text, None], b=[None, text]), 9), ["a", "b"], 0.5).is_empty()


@st.composite
def families(draw: st.DrawFn) -> list[str | None]:
    """Texts of which many are variants of few."""
    words = [" ".join(sentence(seed, 12)) for seed in range(4)]
    variants = st.builds(
        lambda text, cut, tail: text[cut:] + tail, st.sampled_from(words), st.integers(0, 9), st.text(max_size=4)
    )
    return draw(st.lists(st.none() | variants | st.text(max_size=9), max_size=30))


@INVARIANT
@given(families(), st.integers(1, 12), st.sampled_from([0.5, 0.8, 0.95, 1.0]))
def test_the_cut_into_parts_does_not_matter(texts: list[str | None], size: int, similarity: float) -> None:
    assert near(texts, similarity, size).equals(near(texts, similarity))


@INVARIANT
@given(families(), st.sampled_from([0.5, 0.8, 0.95]))
def test_what_is_found_is_as_near_as_was_asked_for_to_a_row_that_stays(
    texts: list[str | None], similarity: float
) -> None:
    findings = near(texts, similarity)
    dropped = set(findings["row"])
    for row, reason, score in findings.select("row", "reason", "score").rows():
        named = int(re.search(r"row (\d+) ", reason)[1])  # type: ignore[index]
        assert named < row
        assert named not in dropped
        assert score >= similarity


@INVARIANT
@given(st.text(max_size=40), st.text(max_size=40))
def test_jaccard_is_that_of_the_definition(one: str, other: str) -> None:
    plain = [re.sub(r"\s+", " ", text.lower()).strip() for text in (one, other)]
    plain = [text for text in plain if text.isascii()]
    if len(plain) == 2 and all(plain):
        sets = shingles(pl.Series(plain))
        assert jaccard(sets.of_text(0), [sets.of_text(1)])[0] == pytest.approx(exact(*plain))


@pytest.mark.parametrize("similarity", [0.5, 0.7, 0.9, 0.95])
def test_pairs_at_the_limit_share_a_band_and_far_ones_hardly_do(similarity: float) -> None:
    how = banding(similarity)
    assert how.num_bands * how.num_rows <= 128
    assert how.probability(similarity) >= 0.99
    assert how.probability(similarity / 4) < 0.1


def test_equal_numbers_in_signatures_estimate_jaccard() -> None:
    """Over many pairs, within three standard errors of 128 draws."""
    words = [sentence(seed, 50) for seed in range(100)]
    pairs = [(" ".join(own), " ".join([*own[:45], *sentence(1000 + seed, 5)])) for seed, own in enumerate(words)]
    sets = shingles(pl.Series([text for pair in pairs for text in pair]))
    least = signatures(sets)
    errors = [(least[:, 2 * i] == least[:, 2 * i + 1]).mean() - exact(*pair) for i, pair in enumerate(pairs)]
    assert abs(np.mean(errors)) < 0.01
    assert np.std(errors) < 0.05


def test_signatures_of_many_texts_are_those_of_each(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = pl.Series([" ".join(sentence(seed, seed % 7)) for seed in range(50)])
    together = signatures(shingles(texts))
    alone = np.concatenate([signatures(shingles(texts[row : row + 1])) for row in range(50)], axis=1)
    assert np.array_equal(together, alone)
    monkeypatch.setattr("tasks.cleaning.near.minhash._CHUNK", 100)
    assert np.array_equal(signatures(shingles(texts)), together)


def test_keys_of_bands_never_change() -> None:
    """Another machine, or a later version of numpy, must find the same rows."""
    keys = band_keys(signatures(shingles(pl.Series(["The quick brown fox"]))), banding(0.9))
    assert [f"{key:016x}" for key in keys[:2, 0].tolist()] == ["3819fae5313f6e7d", "2946274e5356db78"]


def test_spam_has_near_duplicates_and_their_names_are_right() -> None:
    lines = (shared("sms-spam") / "SMSSpamCollection").read_text(encoding="utf-8").splitlines()
    texts: list[str | None] = [line.split("\t", 1)[1] for line in lines]
    findings = near(texts, 0.9, size=1000)
    assert 400 < findings.height < 520
    for reason, score, row in findings.select("reason", "score", "row").head(50).rows():
        named = int(re.search(r"row (\d+) ", reason)[1])  # type: ignore[index]
        sets = shingles(pl.Series([texts[row], texts[named]]))
        assert jaccard(sets.of_text(0), [sets.of_text(1)])[0] == score >= 0.9


def test_texts_of_one_template_are_compared_with_so_many_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred words in common and ten of their own: all of them share bands, and none is near another."""
    compared = []

    def counted(one: NDArray[np.uint64], others: list[NDArray[np.uint64]]) -> NDArray[np.float64]:
        compared.append(len(others))
        return jaccard(one, others)

    monkeypatch.setattr("tasks.cleaning.near.texts.jaccard", counted)
    template = sentence(0, 100)
    assert near([" ".join([*template, *sentence(seed, 10)]) for seed in range(1, 601)], 0.9).is_empty()
    # Of every band's bucket the latest ones, and of most bands the same.
    assert max(compared) <= 4 * MOST_COMPARED
