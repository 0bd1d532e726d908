"""An image as a page shows it to a person."""

from __future__ import annotations

import io

from tasks.columns.base import Depiction
from tasks.columns.image.pixels import decode, in_colours

_LARGEST_SIDE = 320
"""Pixels on the longer side; larger images are shrunk, so that a page with many of them stays light."""
_PIXELATED_BELOW = 96


def depict(content: bytes) -> Depiction:
    """Upright and in 8 bits, as the model gets it, at its own shape. Written anew as PNG: a browser need not read TIFF,
    and nothing but pixels gets onto the page."""
    decoded = decode(content)
    assert decoded is not None, "clean takes such rows out"
    width, height = decoded.width, decoded.height
    picture = in_colours(decoded.image, 3)
    picture.thumbnail((_LARGEST_SIDE, _LARGEST_SIDE))
    target = io.BytesIO()
    picture.save(target, format="PNG")
    pixelated = max(width, height) < _PIXELATED_BELOW
    return Depiction(text=f"{width} by {height} pixels", png=target.getvalue(), pixelated=pixelated)
