"""What may befall sounds before they are answered."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.columns.audio.sound import as_wav, decode
from tasks.columns.disturbance import Disturbance, RawColumn, in_each

Samples = NDArray[np.float32]
_Change = Callable[[Samples, float, np.random.Generator], Samples]


def with_noise(samples: Samples, decibels: float, random: np.random.Generator) -> Samples:
    """White noise so many decibels below the sound, both by their mean power: the signal-to-noise ratio."""
    power = float(np.mean(np.square(samples, dtype=np.float64)))
    noise = random.standard_normal(len(samples)) * np.sqrt(power * 10 ** (-decibels / 10))
    return np.asarray(samples + noise.astype(np.float32))


def overdriven(samples: Samples, decibels: float, random: np.random.Generator) -> Samples:
    """Louder by so many decibels, and cut off at full scale, as a recorder that was set too loud has it."""
    return np.asarray(np.clip(samples * np.float32(10 ** (decibels / 20)), np.float32(-1), np.float32(1)))


def _each(change: _Change) -> Callable[[RawColumn, float], pl.Series]:
    def changed(content: bytes | None, column: RawColumn, strength: float) -> bytes | None:
        clip = decode(content)
        return content if clip is None else as_wav(clip.rate, change(clip.samples, strength, column.random))

    return in_each(changed)


DISTURBANCES = (
    Disturbance(
        name="sound_noise",
        title="Noise in sounds",
        words="sounds with white noise {strength:g} dB below them",
        strengths=(30.0, 20.0, 10.0),
        change=_each(with_noise),
    ),
    Disturbance(
        name="gain",
        title="Sounds recorded too loud",
        words="sounds {strength:g} dB louder, cut off at full scale",
        strengths=(6.0, 12.0, 20.0),
        change=_each(overdriven),
    ),
)
