"""The network for pictures and sounds: as large, and for as many epochs, as some minutes on two cores allow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

from tasks.drafting.profile import Facts
from tasks.drafting.recordings import seconds_of
from tasks.params.config import ColumnTypeName
from tasks.params.networks import AudioCnnNetwork, CnnNetwork, NetworkSize
from tasks.wording import counted

Section = dict[str, Any]
_Family = Literal["cnn", "audio_cnn"]

_MULTIPLICATIONS = 1.8e13
"""Of all epochs together, forward: some ten minutes on two cores of a server."""
_FEWEST_EPOCHS, _MOST_EPOCHS = 5, 30
"""Bounded both ways: a few rows would else get thousands of epochs, and millions of rows none."""
_SIZES: Mapping[_Family, Mapping[NetworkSize, int]] = {
    "cnn": {"large": 20_000, "medium": 2_000, "small": 0},
    "audio_cnn": {"large": 50_000, "medium": 10_000, "small": 0},
}
"""From how many rows on: fewer are learnt by heart by a larger network. A spectrogram is a large picture of few things:
of 3,000 recordings the small network gets all but a few right (docs/log.md), in a third of the time."""
_LONG_ENOUGH, _STEPS_ENOUGH = 30, 5_000
"""Epochs that a larger network must get, or steps of the optimizer where rows are many: else the smaller one makes more
of the time."""
_LONGEST_SIDE = 64
_SPECTROGRAM = 40, 200
"""Bands and frames where no recording could be read: two seconds, a frame each 10 ms."""
_BATCH = 64
_STEPS_TO_CHANGE = 500
"""From so many on, changed sounds teach more than they hide: in 70 they did much harm."""
_CHANGED_SOUNDS: Mapping[str, float] = {
    "shift": 0.1,
    "gain": 4,
    "stretch": 0.2,
    "pitch_shift": 0.05,
    "time_mask": 0.1,
    "pitch_mask": 0.1,
}
"""As other speakers, rooms and microphones would have it. With half of the tempo, and pitches as they are, speakers of
whom nothing was learnt were understood no better than without any of it (docs/log.md)."""
_TOP_DB = 50
"""Decibels below the loudest that count as silence: what is quieter is mostly the microphone."""
_AVERAGED: Mapping[float, int] = {0.999: 5_000, 0.99: 250}
"""From how many steps of the optimizer on: in fewer an average still holds weights that knew little."""


@dataclass(frozen=True, kw_only=True)
class NetworkChoice:
    """The sections of the block for a network, and in a sentence why they are so."""

    reason: str
    train: Section
    augment: Section = field(default_factory=dict)
    normalize: Section = field(default_factory=dict)


def choose_network(facts: Facts, kind: ColumnTypeName, side: tuple[int, int] | None) -> NetworkChoice:
    """For columns of this kind; `side`: height and width of the first picture, or of a sound's spectrogram."""
    return _for_sounds(facts.num_rows, side) if kind == "audio" else _for_pictures(facts.num_rows, side)


def _for_sounds(num_rows: int, side: tuple[int, int] | None) -> NetworkChoice:
    bands, frames = side or _SPECTROGRAM
    size, epochs = _affordable(num_rows, "audio_cnn", bands, frames)
    is_long = epochs * num_rows / _BATCH >= _STEPS_TO_CHANGE
    return NetworkChoice(
        reason=f"recordings, read as spectrograms: a {size} network that sums up time, {_why(epochs)}",
        normalize={"audio": {**({"seconds": seconds_of(frames)} if side else {}), "top_db": _TOP_DB}},
        train=_train({"kind": "audio_cnn", "size": size}, num_rows, epochs),
        augment={"audio": dict(_CHANGED_SOUNDS)} if is_long else {},
    )


def _for_pictures(num_rows: int, side: tuple[int, int] | None) -> NetworkChoice:
    height, width = side or (_LONGEST_SIDE, _LONGEST_SIDE)
    normalize: Section = {}
    if max(height, width) > _LONGEST_SIDE:
        # The longer side is what is bounded, so that pictures keep their proportions.
        scale = _LONGEST_SIDE / max(height, width)
        height, width = (max(1, round(edge * scale)) for edge in (height, width))
        normalize = {"image": {"height": height, "width": width}}
    size, epochs = _affordable(num_rows, "cnn", height, width)
    return NetworkChoice(
        reason=f"images: a {size} convolutional network, as deep as their size asks for, {_why(epochs)}",
        normalize=normalize,
        train=_train({"kind": "cnn", "size": size}, num_rows, epochs),
        # Little enough to leave any class what it is; mirrored only where the pictures say that it may be.
        augment={"image": {"rotate": 10, "scale": 0.1, "shift": 0.1}},
    )


def _why(epochs: int) -> str:
    return f"{counted(epochs, 'epoch')} to take minutes rather than hours"


def _train(network: Section, num_rows: int, epochs: int) -> Section:
    num_steps = epochs * num_rows / _BATCH
    decay = next((decay for decay, fewest in _AVERAGED.items() if num_steps >= fewest), None)
    return {
        "kind": "torch",
        "network": network,
        "learning_rate": 0.003,
        "schedule": "one_cycle",
        "epochs": epochs,
        # A fifth to two fifths less time for the same answers, where it was measured (docs/log.md).
        "layout": "channels_last",
        **({} if decay is None else {"ema_decay": decay}),
        "seed": 0,
    }


def _affordable(num_rows: int, network: _Family, height: int, width: int) -> tuple[NetworkSize, int]:
    """The largest network that the rows and the time are enough for, and its epochs."""
    for size, fewest_rows in _SIZES[network].items():
        epochs = round(_MULTIPLICATIONS / (num_rows * _multiplications(network, size, height, width)))
        is_enough = epochs >= _LONG_ENOUGH or epochs * num_rows / _BATCH >= _STEPS_ENOUGH
        if size == "small" or (num_rows >= fewest_rows and epochs >= _FEWEST_EPOCHS and is_enough):
            return size, min(_MOST_EPOCHS, max(_FEWEST_EPOCHS, epochs))
    raise AssertionError("the smallest is always taken")


def _multiplications(network: _Family, size: NetworkSize, height: int, width: int) -> int:
    """Of the convolutions, for a picture of three colours, or a sound: two in each block, of which the first reads the
    filters before it."""
    made = CnnNetwork(kind="cnn", size=size) if network == "cnn" else AudioCnnNetwork(kind="audio_cnn", size=size)
    total, places = 0, height * width
    channels = 3 if network == "cnn" else 1
    for before, filters in pairwise((channels, *made.filters(min(height, width)))):
        total += max(1, places) * 9 * filters * (before + filters)
        places //= 4
    return total
