"""Sounds as the bytes of files, made up for tests."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray


def wav(samples: NDArray[np.generic], rate: int = 8_000) -> bytes:
    """[N] or [N, channels] samples as a WAV file of their own type."""
    from scipy.io import wavfile

    content = io.BytesIO()
    wavfile.write(content, rate, samples)
    return content.getvalue()


def packed(samples: NDArray[np.generic], form: str, coding: str, rate: int = 8_000) -> bytes:
    """The samples as libsndfile writes them: `form` is its name of the file's kind, `coding` that of the samples'."""
    import soundfile

    content = io.BytesIO()
    soundfile.write(content, samples, rate, format=form, subtype=coding)
    return content.getvalue()


def tone(pitch: float, seconds: float = 0.25, rate: int = 8_000, loudness: float = 0.5) -> bytes:
    """A sine of that pitch in Hz, in 16 bits."""
    times = np.arange(round(seconds * rate)) / rate
    return wav((loudness * np.sin(2 * np.pi * pitch * times) * 32_767).astype(np.int16), rate)
