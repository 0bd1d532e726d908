"""The network for pictures and sounds: as large, and for as many epochs, as some minutes on two cores allow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

from tasks.drafting.profile import Facts
from tasks.params.config import ColumnTypeName
from tasks.params.networks import AudioCnnNetwork, CnnNetwork, NetworkSize

Section = dict[str, Any]

_MULTIPLICATIONS = 6e12
"""Of all epochs together, forward: five to ten minutes on two cores of a server."""
_FEWEST_EPOCHS, _MOST_EPOCHS = 5, 30
"""Bounded both ways: a few rows would else get thousands of epochs, and millions of rows none."""
_SIZES: Mapping[NetworkSize, int] = {"large": 20_000, "medium": 2_000, "small": 0}
"""From how many rows on: fewer are learnt by heart by a larger network."""
_LONG_ENOUGH = 30
"""Epochs that a larger network must get, else the smaller one makes more of the time."""
_LONGEST_SIDE = 64
_BANDS, _FRAMES = 40, 200
"""Of a spectrogram of two seconds: normalize's bands, a frame each 10 ms."""
_BATCH = 64
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
    """For columns of this kind; `side`: height and width of the first picture."""
    if kind == "audio":
        size, epochs = _affordable(facts.num_rows, "audio_cnn", _BANDS, _FRAMES)
        # As they are: silenced stretches made a short training far worse where that was measured (docs/log.md).
        return NetworkChoice(
            reason=f"recordings, read as spectrograms: a {size} network that sums up time, {_why(epochs)}",
            train=_train({"kind": "audio_cnn", "size": size}, facts.num_rows, epochs),
        )
    height, width = side or (_LONGEST_SIDE, _LONGEST_SIDE)
    normalize: Section = {}
    if max(height, width) > _LONGEST_SIDE:
        # The longer side is what is bounded, so that pictures keep their proportions.
        scale = _LONGEST_SIDE / max(height, width)
        height, width = (max(1, round(edge * scale)) for edge in (height, width))
        normalize = {"image": {"height": height, "width": width}}
    size, epochs = _affordable(facts.num_rows, "cnn", height, width)
    return NetworkChoice(
        reason=f"images: a {size} convolutional network, as deep as their size asks for, {_why(epochs)}",
        normalize=normalize,
        train=_train({"kind": "cnn", "size": size}, facts.num_rows, epochs),
        # Little enough to leave any class what it is; mirrored only where the pictures say that it may be.
        augment={"image": {"rotate": 10, "scale": 0.1, "shift": 0.1}},
    )


def _why(epochs: int) -> str:
    return f"{epochs} epochs to take minutes rather than hours"


def _train(network: Section, num_rows: int, epochs: int) -> Section:
    num_steps = epochs * num_rows / _BATCH
    decay = next((decay for decay, fewest in _AVERAGED.items() if num_steps >= fewest), None)
    return {
        "kind": "torch",
        "network": network,
        "learning_rate": 0.003,
        "schedule": "one_cycle",
        "epochs": epochs,
        **({} if decay is None else {"ema_decay": decay}),
        "seed": 0,
    }


def _affordable(
    num_rows: int, network: Literal["cnn", "audio_cnn"], height: int, width: int
) -> tuple[NetworkSize, int]:
    """The largest network that the rows and the time are enough for, and its epochs."""
    for size, fewest_rows in _SIZES.items():
        epochs = round(_MULTIPLICATIONS / (num_rows * _multiplications(network, size, height, width)))
        if size == "small" or (num_rows >= fewest_rows and epochs >= _LONG_ENOUGH):
            return size, min(_MOST_EPOCHS, max(_FEWEST_EPOCHS, epochs))
    raise AssertionError("the smallest is always taken")


def _multiplications(network: Literal["cnn", "audio_cnn"], size: NetworkSize, height: int, width: int) -> int:
    """Of the convolutions, for a picture of three colours: two in each block, the first from the filters before it."""
    made = CnnNetwork(kind="cnn", size=size) if network == "cnn" else AudioCnnNetwork(kind="audio_cnn", size=size)
    total, places = 0, height * width
    for before, filters in pairwise((3, *made.filters(min(height, width)))):
        total += max(1, places) * 9 * filters * (before + filters)
        places //= 4
    return total
