"""How long recordings are: the spectrogram that `init` drafts is as wide as nearly all of them need."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import polars as pl

from tasks.columns.audio.column import LONGEST_SECONDS
from tasks.columns.audio.sound import decode
from tasks.params.normalize import NormalizeAudio

_NEARLY_ALL = 0.99
"""Of the recordings. One that somebody forgot to stop makes all others mostly silence, which costs time and blurs
their means."""
_MOST_BYTES = 2**28
"""Of files that are decoded for it: so many say enough, and an archive of hours need not be heard to its end."""
_TENTHS = 10
"""Of a second: a length as a person would write it."""


def spectrogram_size(parts: Iterator[pl.DataFrame], column: str) -> tuple[int, int] | None:
    """Bands and frames of a spectrogram that nearly all recordings fit into; None when none can be decoded."""
    seconds: list[float] = []
    read = 0
    for part in parts:
        for content in part[column].drop_nulls():
            read += len(content)
            clip = decode(content)
            if clip is not None and len(clip.samples):
                seconds.append(clip.seconds)
            if read >= _MOST_BYTES:
                return _size(seconds)
    return _size(seconds)


def _size(seconds: list[float]) -> tuple[int, int] | None:
    if not seconds:
        return None
    nearly_all = math.ceil(round(float(np.quantile(seconds, _NEARLY_ALL)) * _TENTHS, 6)) / _TENTHS
    settings = NormalizeAudio()
    return settings.n_mels, round(min(nearly_all, LONGEST_SECONDS) * 1000 / settings.hop_ms)


def seconds_of(num_frames: int) -> float:
    """How long a recording of so many frames is, as `normalize.audio.seconds` is written."""
    return round(num_frames * NormalizeAudio().hop_ms / 1000, 1)
