"""What each pixel of a picture, or each pitch and moment of a sound, adds to an answer: laid over it in colours."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray

from tasks.trainers.introspection import Floats

_FOR, _AGAINST = (0, 114, 178), (213, 94, 0)
"""Blue and orange of Okabe and Ito (2008), which colour-blind readers can tell apart."""
_LEAST_SIDE = 240
"""Pixels: smaller pictures are shown larger."""
_STRONG = 99.0
"""Per cent: pixels above this level are as strong as can be shown, else a single one would leave the rest pale."""


def heat_map(pixels: NDArray[np.uint8], heat: Floats, is_sound: bool = False) -> bytes:
    """A PNG: the picture [C, H, W] in grey, blue where it speaks for the answer and orange where it speaks against it.

    `heat` [H, W] is what each pixel adds. Of a sound the low pitches are at the bottom.
    """
    from PIL import Image

    grey = pixels.astype(np.float64).mean(axis=0)
    # Paler than it is, so that colours show on black as well.
    paper = 90 + grey * (165 / 255)
    strength = np.clip(np.abs(heat) / (np.percentile(np.abs(heat), _STRONG) or 1.0), 0, 1)[..., None]
    colour = np.where(heat[..., None] > 0, np.array(_FOR), np.array(_AGAINST))
    mixed = paper[..., None] * (1 - strength) + colour * strength
    picture = Image.fromarray(np.round(mixed[::-1] if is_sound else mixed).astype(np.uint8))
    times = max(1, -(-_LEAST_SIDE // min(picture.size)))
    target = io.BytesIO()
    picture.resize((picture.width * times, picture.height * times), Image.Resampling.NEAREST).save(target, "PNG")
    return target.getvalue()
