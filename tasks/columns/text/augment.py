"""Random changes of text: of its words, when copies are written down, or of a batch of tokens, in torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tasks.columns.draws import on_device_of
from tasks.columns.typos import mistyped
from tasks.model_input.step_rows import ALL, StepRows
from tasks.params.augment import AugmentText

if TYPE_CHECKING:
    from torch import Generator, Tensor

_PADDING = 0


def changed_text(text: str, settings: AugmentText, random: np.random.Generator) -> str:
    """The text with some words swapped, some left out and some mistyped; words are parted by single blanks then.

    Each setting is a share of the words: so many change, and the rest of a word by chance. Settings that are all zero
    change nothing at all.
    """
    words = text.split()
    if not words or not (settings.swap or settings.drop or settings.typo):
        return text
    for place in _chosen(len(words) - 1, settings.swap, random):
        words[place : place + 2] = words[place + 1], words[place]
    # One word at least is kept: a text without words is no text.
    dropped = {*_chosen(len(words), settings.drop, random)[: len(words) - 1]}
    words = [word for place, word in enumerate(words) if place not in dropped]
    for place in _chosen(len(words), settings.typo, random):
        words[place] = mistyped(words[place], random)
    return " ".join(words)


def augment_tokens(tokens: Tensor, settings: AugmentText, generator: Generator, rows: StepRows = ALL) -> Tensor:
    """Some tokens of each row swapped with the next one, some left out; at least one stays, and padding stays behind.

    `tokens`: [B, L] whole numbers on any device, 0 is padding at the end. Draws come from `generator` on the CPU. There
    are no typos here: tokens have no letters.
    """
    import torch

    if not (settings.swap or settings.drop):
        return tokens[rows.own]
    # Rows are the second dimension of what is drawn.
    draws = on_device_of(tokens, torch.rand((2, *tokens.shape), generator=generator)[:, rows.own])
    tokens = tokens[rows.own]
    is_real = tokens != _PADDING
    length = is_real.sum(dim=1, keepdim=True)
    places = torch.arange(tokens.shape[1], device=tokens.device).expand_as(tokens)
    # In the order of these keys a chosen token comes after the one that followed it.
    keys = places + 1.5 * ((draws[0] < settings.swap) & (places + 1 < length))
    luckiest = torch.where(is_real, draws[1], -1.0).argmax(dim=1, keepdim=True)
    kept = is_real & ((draws[1] >= settings.drop) | (places == luckiest))
    # Beyond every key of a kept token, so that what is dropped and the padding come last.
    order = torch.where(kept, keys, keys + 2.0 * tokens.shape[1]).argsort(dim=1, stable=True)
    return torch.where(kept, tokens, _PADDING).gather(1, order)


def _chosen(count: int, share: float, random: np.random.Generator) -> Sequence[int]:
    """`share` of the places 0 ... count - 1, in a random order; what is left over of a place is a place by chance."""
    if count < 1 or not share:
        return []
    wanted = int(share * count + random.random())
    places: list[int] = random.permutation(count)[:wanted].tolist()
    return places
