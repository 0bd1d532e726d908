"""Sounds: WAV bytes as samples, and samples as a picture of loudness by pitch and time."""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_PLAUSIBLE_RATES = range(1_000, 768_001)
"""Samples a second: a header that says otherwise is wrong, and would ask for any amount of memory."""

_UNTIL_THE_END = 0xFFFF_FFFF
"""The size that writers give a chunk when they stream, and cannot know it."""

_FINEST_RATIO = 1_000
"""Rates are brought into a ratio of whole numbers up to this; the filter grows with them."""


@dataclass(frozen=True)
class Clip:
    """Mono samples [N] float32, from -1 to 1 where the file holds whole numbers, `rate` of them a second."""

    rate: int
    samples: NDArray[np.float32]

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate

    @property
    def peak_db(self) -> float:
        """Decibels of the loudest sample: 20 log10 of its share of full scale; minus infinity for silence."""
        peak = float(np.abs(self.samples).max(initial=0))
        return 20 * math.log10(peak) if peak else -math.inf


@dataclass(frozen=True, kw_only=True)
class Spectrogram:
    """How samples become a picture: `rate` in Hz, lengths in samples, `top_db` below the loudest is silence."""

    rate: int
    num_samples: int
    window: int
    hop: int
    n_mels: int
    top_db: float

    @property
    def num_frames(self) -> int:
        """Columns of the picture: as many as it takes to hear every sample."""
        return 1 + max(0, math.ceil((self.num_samples - self.window) / self.hop))

    @property
    def num_points(self) -> int:
        """Points of the Fourier transform: the window, filled up to a power of two."""
        return 1 << (self.window - 1).bit_length()


def decode(content: bytes | None) -> Clip | None:
    """The sound; None when the bytes are no whole WAV file of PCM or floating-point samples."""
    from scipy.io import wavfile

    plain = _plain_wav(content or b"")
    if plain is None:
        return None
    try:
        rate, samples = wavfile.read(io.BytesIO(plain))
    except (ValueError, struct.error, ZeroDivisionError, TypeError):
        # What scipy raises on a format chunk that contradicts itself, or that it does not know.
        return None
    mono = _mono(samples)
    return Clip(rate, mono) if rate in _PLAUSIBLE_RATES and np.isfinite(mono).all() else None


def draw(clip: Clip, how: Spectrogram) -> NDArray[np.uint8]:
    """The clip as [n_mels, frames] bytes: 255 for its loudest place, 0 for `top_db` below that and for silence.

    Low pitches come first. A clip that is longer is cut, a shorter one ends in silence.
    """
    samples = _fitted(clip, how)
    power = _power(samples / (np.abs(samples).max() or 1.0), how)
    heard = mel_filters(how.rate, how.num_points, how.n_mels) @ power.T
    quietest = 10 ** (-how.top_db / 10)
    decibels = 10 * np.log10(np.maximum(heard / (heard.max() or 1.0), quietest))
    return np.round((decibels / how.top_db + 1) * 255).astype(np.uint8)


@lru_cache(maxsize=8)
def mel_filters(rate: int, num_points: int, n_mels: int) -> NDArray[np.float64]:
    """Triangles over the bins of a Fourier transform, [n_mels, num_points // 2 + 1], evenly spaced in mel.

    mel(f) = 2595 log10(1 + f / 700): O'Shaughnessy, Speech Communication (1987), as the HTK book has it (section 5.4).
    """
    edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + rate / 2 / 700), n_mels + 2) / 2595) - 1)
    bins = np.fft.rfftfreq(num_points, 1 / rate)
    left, centre, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    return np.maximum(0, np.minimum((bins - left) / (centre - left), (right - bins) / (right - centre)))


def _plain_wav(content: bytes) -> bytes | None:
    """A WAV file of the two chunks that matter; None when one is not there, or cut short.

    Thus scipy meets no chunk that it would warn of.
    """
    found = dict(_chunks(content))
    if not {b"fmt ", b"data"} <= found.keys() or any(body is None for body in found.values()):
        return None
    body = b"".join(
        name + struct.pack("<I", len(part)) + part + b"\0" * (len(part) % 2)
        for name in (b"fmt ", b"data")
        if (part := found[name]) is not None
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WAVE" + body


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes | None]]:
    """The chunks of a RIFF file by name, up to the samples; None for one that is longer than the file."""
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        return
    place = 12
    while place + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, place)
        if name == b"data" and size == _UNTIL_THE_END:
            size = len(content) - place - 8
        body = content[place + 8 : place + 8 + size]
        yield name, body if len(body) == size else None
        if name == b"data":
            return
        place += 8 + size + size % 2


def _mono(samples: NDArray[np.generic]) -> NDArray[np.float32]:
    """[N] or [N, channels] of any type as the mean of the channels."""
    # Damaged floating-point samples may overflow; what is not finite then is found by the caller.
    with np.errstate(over="ignore", invalid="ignore"):
        values = samples.astype(np.float64)
        if samples.dtype == np.uint8:
            values = (values - 128) / 128
        elif samples.dtype.kind == "i":
            values /= 2.0 ** (8 * samples.dtype.itemsize - 1)
        return (values.mean(axis=1) if values.ndim == 2 else values).astype(np.float32)


def _fitted(clip: Clip, how: Spectrogram) -> NDArray[np.float64]:
    """The samples at the rate and, with silence at the end, in the length that the picture needs."""
    samples = clip.samples[: math.ceil(how.num_samples / how.rate * clip.rate)].astype(np.float64)
    if clip.rate != how.rate:
        samples = _resampled(samples, clip.rate, how.rate)
    samples = samples[: how.num_samples]
    needed = how.window + (how.num_frames - 1) * how.hop
    return np.pad(samples, (0, needed - len(samples)))


def _resampled(samples: NDArray[np.float64], rate: int, wanted: int) -> NDArray[np.float64]:
    from scipy.signal import resample_poly

    ratio = Fraction(wanted, rate).limit_denominator(_FINEST_RATIO)
    resampled: NDArray[np.float64] = resample_poly(samples, ratio.numerator, ratio.denominator)
    return resampled


def _power(samples: NDArray[np.float64], how: Spectrogram) -> NDArray[np.float64]:
    """Power spectrum of each window, [frames, bins]; windows are weighted by Hann's curve."""
    windows = np.lib.stride_tricks.sliding_window_view(samples, how.window)[:: how.hop]
    spectrum = np.fft.rfft(windows * np.hanning(how.window + 1)[:-1], how.num_points)
    power: NDArray[np.float64] = np.abs(spectrum) ** 2
    return power
