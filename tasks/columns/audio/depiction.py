"""A sound as a page shows it to a person: its spectrogram."""

from __future__ import annotations

import io

from tasks.columns.audio.sound import Clip, Spectrogram, decode, draw
from tasks.columns.base import Depiction

_WIDTH, _HEIGHT = 320, 160
"""Pixels of the picture."""
_LONGEST_SECONDS = 10
"""Of a sound that are drawn: more would be a blur."""


def depict(content: bytes) -> Depiction:
    """Time from left to right, pitch upwards, loud is bright."""
    from PIL import Image

    clip = decode(content)
    assert clip is not None, "clean takes such rows out"
    target = io.BytesIO()
    # The lowest pitch is the first row, which an image has at the top.
    picture = Image.fromarray(draw(clip, _spectrogram(clip))[::-1])
    picture.resize((_WIDTH, _HEIGHT)).save(target, format="PNG")
    cut = f", the first {_LONGEST_SECONDS} shown" if clip.seconds > _LONGEST_SECONDS else ""
    return Depiction(text=f"{clip.seconds:.2f} seconds at {clip.rate:,} Hz{cut}", png=target.getvalue())


def _spectrogram(clip: Clip) -> Spectrogram:
    """About a column of the picture for each of its pixels, whatever the clip's length."""
    num_samples = min(len(clip.samples), clip.rate * _LONGEST_SECONDS)
    hop = max(1, num_samples // _WIDTH)
    return Spectrogram(
        rate=clip.rate,
        num_samples=num_samples,
        # At least 25 ms: in less, low pitches cannot be told apart.
        window=max(2 * hop, clip.rate // 40),
        hop=hop,
        n_mels=80,
        top_db=80,
    )
