"""Images and sounds as pictures of at most 16 by 16 pixels: enough to tell classes apart, and quick to learn from."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.columns.audio.sound import Spectrogram, draw
from tasks.columns.audio.sound import decode as decode_sound
from tasks.columns.image.column import decode
from tasks.params.config import ColumnTypeName

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE = 16
"""Pixels."""

_RATE = 16_000
"""Samples a second: all that speech has. Sounds of any rate must share their bands of pitch."""

_LONGEST_SECONDS = 10


def thumbnails(values: pl.Series, kind: ColumnTypeName) -> pl.Series:
    """Encoded images or sounds [N] as PNG files of `SIDE` pixels or less; what cannot be read is black.

    A sound is drawn as loudness by pitch and time, its own length stretched to the picture's width.
    """
    small = _small_image if kind == "image" else _small_sound
    return pl.Series(values.name, [_png(small(content)) for content in values], dtype=pl.Binary)


def _small_image(content: bytes | None) -> Image:
    from PIL.Image import Resampling

    image = decode(content)
    if image is None:
        return _of_pixels(np.zeros((SIDE, SIDE), dtype=np.uint8))
    if image.mode.startswith("I;16"):
        # Pillow's own conversion makes everything above 255 white.
        image = _of_pixels((np.asarray(image) >> 8).astype(np.uint8))
    plain = image.convert("L" if image.mode in ("1", "L", "LA") else "RGB")
    return plain.resize((min(plain.width, SIDE), min(plain.height, SIDE)), Resampling.BOX)


def _small_sound(content: bytes | None) -> Image:
    from PIL.Image import Resampling

    clip = decode_sound(content)
    if clip is None or not len(clip.samples):
        return _of_pixels(np.zeros((SIDE, SIDE), dtype=np.uint8))
    how = Spectrogram(
        rate=_RATE,
        num_samples=max(1, round(min(clip.seconds, _LONGEST_SECONDS) * _RATE)),
        window=_RATE // 40,
        hop=_RATE // 100,
        n_mels=SIDE,
        top_db=80,
    )
    return _of_pixels(draw(clip, how)).resize((SIDE, SIDE), Resampling.BOX)


def _of_pixels(pixels: NDArray[np.uint8]) -> Image:
    """[H, W] as a grey image."""
    from PIL import Image

    return Image.fromarray(pixels)


def _png(image: Image) -> bytes:
    content = io.BytesIO()
    image.save(content, format="PNG", compress_level=1)
    return content.getvalue()
