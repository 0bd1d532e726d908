"""Text is changed in so many words, or tokens, as told."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.columns.text.augment import augment_tokens, changed_text
from tasks.columns.typos import mistyped
from tasks.params.augment import AugmentText

EXAMPLES = settings(derandomize=True, max_examples=60, deadline=None)
WORDS = st.lists(st.text("abcdefgh", min_size=1, max_size=6), min_size=1, max_size=20)
SHARE = st.floats(0, 0.9)
SEED = st.integers(0, 1_000)


def changed(words: list[str], seed: int, **shares: float) -> list[str]:
    return changed_text(" ".join(words), AugmentText(**shares), np.random.default_rng(seed)).split()


def test_nothing_set_changes_nothing() -> None:
    text = "  two  blanks,\nand a line "
    assert changed_text(text, AugmentText(), np.random.default_rng(0)) == text
    for blank in ("", "  \n"):
        assert changed_text(blank, AugmentText(drop=0.9, typo=0.9, swap=0.9), np.random.default_rng(0)) == blank


@EXAMPLES
@given(words=WORDS, share=SHARE, seed=SEED)
def test_a_typo_changes_at_most_its_share_of_the_words(words: list[str], share: float, seed: int) -> None:
    after = changed(words, seed, typo=share)
    # A word of one letter whose slip leaves none is not lost: it has the letter twice.
    assert len(after) == len(words)
    different = sum(a != b for a, b in zip(words, after, strict=True))
    assert different <= math.ceil(share * len(words))


@EXAMPLES
@given(words=WORDS, share=SHARE, seed=SEED)
def test_swaps_keep_the_words(words: list[str], share: float, seed: int) -> None:
    assert Counter(changed(words, seed, swap=share)) == Counter(words)


@EXAMPLES
@given(words=WORDS, share=SHARE, seed=SEED)
def test_drops_keep_the_order_and_one_word_at_least(words: list[str], share: float, seed: int) -> None:
    after = changed(words, seed, drop=share)
    assert len(words) - math.ceil(share * len(words)) <= len(after) or len(after) == 1
    rest = iter(words)
    assert all(word in rest for word in after)
    assert after


def test_shares_are_met_on_average() -> None:
    words = ["word"] * 5
    lengths = [len(changed(words, seed, drop=0.1)) for seed in range(2_000)]
    assert np.mean(lengths) == pytest.approx(4.5, abs=0.05)


@EXAMPLES
@given(word=st.text("abc", min_size=1, max_size=5), seed=SEED)
def test_a_slip_is_one_key(word: str, seed: int) -> None:
    after = mistyped(word, np.random.default_rng(seed))
    assert abs(len(after) - len(word)) <= 1
    assert after
    assert set(after) <= set(word)


def test_the_generator_decides() -> None:
    words = [str(number) for number in range(30)]
    shares = {"swap": 0.3, "drop": 0.3, "typo": 0.3}
    assert changed(words, 1, **shares) == changed(words, 1, **shares) != changed(words, 2, **shares)


def batch(lengths: list[int], width: int) -> torch.Tensor:
    tokens = torch.zeros((len(lengths), width), dtype=torch.int32)
    for row, length in enumerate(lengths):
        tokens[row, :length] = torch.randperm(length, generator=torch.Generator().manual_seed(row)) + 1
    return tokens


@EXAMPLES
@given(lengths=st.lists(st.integers(0, 12), min_size=1, max_size=8), swap=SHARE, drop=SHARE, seed=SEED)
def test_tokens_are_kept_or_left_out_and_padding_is_behind(
    lengths: list[int], swap: float, drop: float, seed: int
) -> None:
    before = batch(lengths, 12)
    settings_ = AugmentText(swap=swap, drop=drop)
    after = augment_tokens(before, settings_, torch.Generator().manual_seed(seed))
    assert (after.shape, after.dtype) == (before.shape, before.dtype)
    for old, new in zip(before.tolist(), after.tolist(), strict=True):
        found = [token for token in new if token]
        assert new == found + [0] * (12 - len(found))
        assert len(set(found)) == len(found)
        assert set(found) <= set(old)
        assert bool(found) == any(old)
        if not drop:
            assert sorted(new) == sorted(old)
        if not swap:
            assert found == [token for token in old if token in found]
    if not (swap or drop):
        assert torch.equal(before, after)


def test_tokens_swap_with_their_neighbours_about_as_often_as_told() -> None:
    before = (torch.arange(200) + 1).repeat(50, 1)
    after = augment_tokens(before, AugmentText(swap=0.1), torch.Generator().manual_seed(0))
    assert (after < before).float().mean() == pytest.approx(0.1, abs=0.02)
    dropped = augment_tokens(before, AugmentText(drop=0.3), torch.Generator().manual_seed(0))
    assert (dropped == 0).float().mean() == pytest.approx(0.3, abs=0.02)
