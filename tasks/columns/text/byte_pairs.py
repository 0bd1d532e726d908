"""Byte-pair encoding: pieces of words, learnt from counts of words, and texts as the numbers of their pieces.

Sennrich, Haddow and Birch (2016), arXiv:1508.07909, over bytes as in GPT-2 (Radford et al., 2019): every text can be
written in them, so that there is nothing unknown.
"""

from __future__ import annotations

import importlib.util
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks.errors import UserError

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from tokenizers.pre_tokenizers import ByteLevel

PADDING = "[PAD]"
"""Token 0 fills texts up. No text holds it: its signs are cut apart like any others."""

_MOST_WORDS = 5_000_000
"""Words that are told to the learner, which counts them one by one, 5 million a second: of more, all counts are
divided."""

_RUN = 1_000
"""Times that a word stands in one line to the learner."""


def count_words(texts: Iterable[str]) -> Counter[str]:
    """How often each word stands there, in signs that stand for its bytes, with the blank before it."""
    words = _words()
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(word for word, _ in words.pre_tokenize_str(text))
    return counts


def learn(counts: Mapping[str, int], vocabulary: int, least: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The tokens in the order of their numbers, and the merges ("left right") in the order in which they are made.

    At most `vocabulary` tokens; pairs that stand fewer than `least` times are left alone. The same counts give the same
    answer: words come in their order, and the learner breaks ties by the pairs' numbers.
    """
    _ready()
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    factor = max(1, -(-sum(counts.values()) // _MOST_WORDS))
    tokenizer = Tokenizer(models.BPE())
    # Words were cut apart when they were counted; the lines to learn from only part them by blanks.
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        min_frequency=max(1, least // factor),
        special_tokens=[PADDING],
        # All 256 bytes, so that no text has a sign that is unknown.
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_lines(counts, factor), trainer)
    model = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].__getitem__)
    return tuple(tokens), tuple(" ".join(pair) for pair in model["merges"])


def tokenizer_of(vocabulary: Sequence[str], merges: Sequence[str], length: int) -> Tokenizer:
    """What cuts a text into at most `length` tokens."""
    _ready()
    from tokenizers import Tokenizer, models

    numbers = {token: number for number, token in enumerate(vocabulary)}
    pairs = [(left, right) for left, right in (merge.split(" ") for merge in merges)]
    tokenizer = Tokenizer(models.BPE(vocab=numbers, merges=pairs))
    tokenizer.pre_tokenizer = _words()
    tokenizer.enable_truncation(length)
    return tokenizer


def encode(tokenizer: Tokenizer, texts: Sequence[str], length: int) -> NDArray[np.int32]:
    """[N, length] token numbers, filled up with 0."""
    encodings: list[Any] = [tokenizer.encode(texts[0])] if len(texts) == 1 else tokenizer.encode_batch(list(texts))
    block = np.zeros((len(texts), length), dtype=np.int32)
    for row, encoded in zip(block, encodings, strict=True):
        ids = encoded.ids
        row[: len(ids)] = ids
    return block


def _words() -> ByteLevel:
    _ready()
    from tokenizers.pre_tokenizers import ByteLevel

    return ByteLevel(add_prefix_space=True)


def _lines(counts: Mapping[str, int], factor: int) -> Iterator[str]:
    for word in sorted(counts):
        # Rounded down: a word that is rarer than the factor is not learnt from.
        times = counts[word] // factor
        for start in range(0, times, _RUN):
            yield " ".join([word] * min(_RUN, times - start))


def _ready() -> None:
    """Raises UserError when the library is not installed."""
    # Its own threads would be one pool too many, and a fork after their use makes it print a warning.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if importlib.util.find_spec("tokenizers") is None:
        raise UserError(
            "is to become tokens, which needs the extra `tokens`: pip install 'modelwright[tokens]', "
            "or use text.encode: tfidf"
        )
