"""What may befall images before they are answered.

Each is brought to the size that the model reads first: what is done to a photograph of ten megapixels would be gone
when it is made small, and would take long.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.columns.disturbance import Disturbance, RawColumn, in_each
from tasks.columns.image import pixels
from tasks.columns.image.served import served_image

_BRIGHTEST = 255.0

Pictures = NDArray[np.float64]
"""[C, H, W] from 0 to 255."""
_Change = Callable[[Pictures, float, np.random.Generator], Any]


def with_noise(picture: Pictures, strength: float, random: np.random.Generator) -> Pictures:
    """Normal noise on every pixel, whose deviation is this share of the range from black to white."""
    return picture + random.standard_normal(picture.shape) * (strength * _BRIGHTEST)


def blurred(picture: Pictures, strength: float, random: np.random.Generator) -> Pictures:
    """Weighed with a normal curve, whose deviation is this share of the shorter side."""
    from scipy.ndimage import gaussian_filter

    sigma = strength * min(picture.shape[1:])
    return np.asarray(gaussian_filter(picture, (0.0, sigma, sigma), mode="nearest"))


def turned(picture: Pictures, degrees: float, random: np.random.Generator) -> Pictures:
    """Turned about its middle, either way; pixels of the edge go on beyond it, as a black rim is in no real image."""
    from scipy.ndimage import rotate

    angle = degrees * (1 if random.random() < 0.5 else -1)
    return np.asarray(rotate(picture, angle, axes=(2, 1), reshape=False, order=1, mode="nearest"))


def relit(picture: Pictures, strength: float, random: np.random.Generator) -> Pictures:
    """Brighter or darker by this share of the range from black to white."""
    return picture + strength * _BRIGHTEST * (1 if random.random() < 0.5 else -1)


def _each(change: _Change) -> Callable[[RawColumn, float], pl.Series]:
    def changed(content: bytes | None, column: RawColumn, strength: float) -> bytes | None:
        picture = pixels.read(content, column.encoding.frame)
        if picture is None:
            return content
        values = change(picture.astype(np.float64), strength, column.random).round().clip(0, _BRIGHTEST)
        return served_image(values.astype(np.uint8).transpose(1, 2, 0))

    return in_each(changed)


DISTURBANCES = (
    Disturbance(
        name="image_noise",
        title="Noise in images",
        words="images with noise of {percent:g} % of the range from black to white",
        strengths=(0.05, 0.1, 0.2),
        change=_each(with_noise),
    ),
    Disturbance(
        name="blur",
        title="Blurred images",
        words="images blurred by {percent:g} % of the shorter side",
        strengths=(0.02, 0.04, 0.08),
        change=_each(blurred),
    ),
    Disturbance(
        name="turn",
        title="Turned images",
        words="images turned by {strength:g} degrees",
        strengths=(5.0, 10.0, 20.0),
        change=_each(turned),
    ),
    Disturbance(
        name="light",
        title="Brighter or darker images",
        words="images brighter or darker by {percent:g} % of the range from black to white",
        strengths=(0.1, 0.2, 0.4),
        change=_each(relit),
    ),
)
