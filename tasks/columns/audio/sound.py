"""Sounds: the bytes of a file as samples, and samples as a picture of loudness by pitch and time."""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import polars as pl

_PLAUSIBLE_RATES = range(1_000, 768_001)
"""Samples a second: a header that says otherwise is wrong, and would ask for any amount of memory."""

_UNTIL_THE_END = 0xFFFF_FFFF
"""The size that writers give a chunk when they stream, and cannot know it."""

_MARKS = (b"fLaC", b"OggS")
_MP3_MARKS = (b"ID3", b"\xff\xfb", b"\xff\xfa", b"\xff\xf3", b"\xff\xf2", b"\xff\xe3", b"\xff\xe2")
"""A tag, or the first frame's header of layer III: with and without a checksum, of MPEG 1, 2 and 2.5."""

_MOST_FRAMES = 1 << 28
"""An hour and a half at 48,000 Hz, 1 GiB of samples. A small FLAC file can hold any time of silence; in plain samples
a file cannot hold more than it has bytes, and may."""

_UNKNOWN_FRAMES = 1 << 62
_BLOCK = 1 << 16

_FINEST_RATIO = 1_000
"""Rates are brought into a ratio of whole numbers up to this; the filter grows with them."""

_THUMBNAIL_RATE = 16_000
"""Samples a second: all that speech has. Sounds of any rate must share their bands of pitch."""

_LONGEST_THUMBNAIL = 10
"""Seconds of a clip that a thumbnail shows."""


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


def begins_as_sound(content: pl.Expr) -> pl.Expr:
    """Whether bytes begin as a WAV, FLAC, OGG or MP3 file does."""
    import polars as pl

    wav = content.bin.starts_with(b"RIFF") & (content.bin.slice(8, 4) == b"WAVE")
    return pl.any_horizontal(wav, *(content.bin.starts_with(mark) for mark in (*_MARKS, *_MP3_MARKS)))


def decode(content: bytes | None) -> Clip | None:
    """The sound; None when the bytes are no whole WAV, FLAC, OGG or MP3 file, or hold hours beyond all bounds."""
    import soundfile

    content = _readable(content or b"")
    if content is None:
        return None
    try:
        with soundfile.SoundFile(io.BytesIO(content)) as file:
            if file.samplerate not in _PLAUSIBLE_RATES:
                return None
            samples = _mono(file, most=max(_MOST_FRAMES, len(content)))
            if samples is None or (len(samples) != file.frames and _counts_frames(content, file.frames)):
                return None
            rate = int(file.samplerate)
    except soundfile.SoundFileRuntimeError:
        return None
    return Clip(rate, samples) if np.isfinite(samples).all() else None


def as_wav(rate: int, samples: NDArray[np.float32]) -> bytes:
    """The samples [N] as a WAV file of 32-bit floats, mono."""
    from scipy.io import wavfile

    content = io.BytesIO()
    wavfile.write(content, rate, samples)
    return content.getvalue()


def draw(clip: Clip, shape: Spectrogram) -> NDArray[np.uint8]:
    """The clip as [n_mels, frames] bytes: 255 for its loudest place, 0 for `top_db` below that and for silence.

    Low pitches come first. A clip that is longer is cut, a shorter one ends in silence.
    """
    samples = _fitted(clip, shape)
    power = _power(samples / (np.abs(samples).max() or 1.0), shape)
    bands = mel_filters(shape.rate, shape.num_points, shape.n_mels) @ power.T
    quietest = 10 ** (-shape.top_db / 10)
    # Silence has no logarithm, so it counts as the quietest that is shown.
    decibels = 10 * np.log10(np.maximum(bands / (bands.max() or 1.0), quietest))
    return np.round((decibels / shape.top_db + 1) * 255).astype(np.uint8)


def thumbnail(clip: Clip, side: int) -> NDArray[np.uint8]:
    """[side, side] bytes: loudness by pitch and time, the clip's own length stretched or squeezed to the width."""
    from PIL.Image import Resampling, fromarray

    seconds = min(clip.seconds, _LONGEST_THUMBNAIL)
    shape = Spectrogram(
        rate=_THUMBNAIL_RATE,
        num_samples=max(1, round(seconds * _THUMBNAIL_RATE)),
        # 25 ms every 10 ms, as `normalize` has it by default.
        window=_THUMBNAIL_RATE // 40,
        hop=_THUMBNAIL_RATE // 100,
        n_mels=side,
        top_db=80,
    )
    return np.asarray(fromarray(draw(clip, shape)).resize((side, side), Resampling.BOX))


@lru_cache(maxsize=8)
def mel_filters(rate: int, num_points: int, n_mels: int) -> NDArray[np.float64]:
    """Triangles over the bins of a Fourier transform, [n_mels, num_points // 2 + 1], evenly spaced in mel.

    mel(f) = 2595 log10(1 + f / 700): O'Shaughnessy, Speech Communication (1987), as the HTK book has it (section 5.4).
    """
    edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + rate / 2 / 700), n_mels + 2) / 2595) - 1)
    bins = np.fft.rfftfreq(num_points, 1 / rate)
    left, centre, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    return np.maximum(0, np.minimum((bins - left) / (centre - left), (right - bins) / (right - centre)))


def _readable(content: bytes) -> bytes | None:
    """The bytes as libsndfile is to see them; None when they are of no kind that is taken, or cut short.

    libsndfile plays what there is of a cut WAV or OGG file; so these are checked for their ends here. Of the other
    kinds it takes more than the column promises, such as RIFX.
    """
    if content.startswith(b"RIFF"):
        return _plain_wav(content)
    if content.startswith(b"OggS"):
        return content if _ends_with_a_page(content) else None
    return content if content.startswith((*_MARKS, *_MP3_MARKS)) else None


def _plain_wav(content: bytes) -> bytes | None:
    """A WAV file of the two chunks that matter; None when one is not there, or cut short.

    Thus no other chunk, and no length that a streaming writer left open, is up to libsndfile to make sense of.
    """
    chunks = dict(_chunks(content))
    if not {b"fmt ", b"data"} <= chunks.keys() or any(body is None for body in chunks.values()):
        return None
    body = b"".join(
        name + struct.pack("<I", len(part)) + part + b"\0" * (len(part) % 2)
        for name in (b"fmt ", b"data")
        if (part := chunks[name]) is not None
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WAVE" + body


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes | None]]:
    """The chunks of a RIFF file by name, up to the samples; None for one that is longer than the file."""
    if content[8:12] != b"WAVE":
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
        # Chunks begin at even places.
        place += 8 + size + size % 2


def _ends_with_a_page(content: bytes) -> bool:
    """Whether an OGG file is whole pages, each a header of 27 bytes, a table of lengths and as many bytes (RFC 3533).

    The last page is not asked for the mark of the last: recorders that stop at once leave it out.
    """
    place = 0
    while content.startswith(b"OggS", place) and place + 27 <= len(content):
        lengths = content[place + 27 : place + 27 + content[place + 26]]
        place += 27 + content[place + 26] + sum(lengths)
    return place == len(content)


def _counts_frames(content: bytes, frames: int) -> bool:
    """Whether the file itself says how many there are, so that fewer mean that it is cut short.

    An MP3 file says so in its first frame if at all, else libsndfile guesses; a FLAC file that was streamed does not.
    """
    if content.startswith(_MARKS):
        return frames < _UNKNOWN_FRAMES
    # The length of a tag before the first frame is written in 7 bits a byte (ID3v2, section 3.1).
    tag = 10 + sum(byte << 7 * place for place, byte in enumerate(content[9:5:-1])) if content[:3] == b"ID3" else 0
    return content.startswith(b"RIFF") or any(mark in content[tag : tag + 64] for mark in (b"Xing", b"Info", b"VBRI"))


def _mono(file: Any, most: int) -> NDArray[np.float32] | None:
    """[N]: the mean of the channels; None beyond `most`. Raises SoundFileRuntimeError where the bytes make no sense.

    In blocks, as a header may claim any number of frames: memory goes by those that are there, and `most` of them.
    """
    # Else soundfile seeks after each block, which fails at the end of a FLAC file of unknown length.
    file.seekable = lambda: False
    size = max(1, _BLOCK // file.channels)
    blocks: list[NDArray[np.float32]] = []
    num_frames = 0
    # Damaged floating-point samples may overflow; what is not finite then is found by the caller.
    with np.errstate(over="ignore", invalid="ignore"):
        while len(block := file.read(size, dtype="float64", always_2d=True)):
            blocks.append(block.mean(axis=1).astype(np.float32))
            num_frames += len(block)
            if num_frames > most:
                return None
    return np.concatenate(blocks) if blocks else np.zeros(0, dtype=np.float32)


def _fitted(clip: Clip, shape: Spectrogram) -> NDArray[np.float64]:
    """The samples at the rate and, with silence at the end, in the length that the picture needs."""
    # Cut first: what lies beyond need not be resampled.
    samples = clip.samples[: math.ceil(shape.num_samples / shape.rate * clip.rate)].astype(np.float64)
    if clip.rate != shape.rate:
        samples = _resampled(samples, clip.rate, shape.rate)
    # Resampling rounds the length up.
    samples = samples[: shape.num_samples]
    needed = shape.window + (shape.num_frames - 1) * shape.hop
    return np.pad(samples, (0, needed - len(samples)))


def _resampled(samples: NDArray[np.float64], rate: int, new_rate: int) -> NDArray[np.float64]:
    from scipy.signal import resample_poly

    ratio = Fraction(new_rate, rate).limit_denominator(_FINEST_RATIO)
    resampled: NDArray[np.float64] = resample_poly(samples, ratio.numerator, ratio.denominator)
    return resampled


def _power(samples: NDArray[np.float64], shape: Spectrogram) -> NDArray[np.float64]:
    """Power spectrum of each window, [frames, bins]; windows are weighted by Hann's curve."""
    windows = np.lib.stride_tricks.sliding_window_view(samples, shape.window)[:: shape.hop]
    spectrum = np.fft.rfft(windows * np.hanning(shape.window + 1)[:-1], shape.num_points)
    power: NDArray[np.float64] = np.abs(spectrum) ** 2
    return power
