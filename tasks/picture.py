"""Small pictures of images in rows, as PNG."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

_TILE = 96
"""Pixels on a side of one image in the picture: small scans stay readable, large photographs shrink."""

_GAP, _LABEL = 6, 18


def before_and_after(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> bytes:
    """Two labelled rows of images, the same ones above and below; both [N, C, H, W] uint8."""
    from PIL import Image, ImageDraw

    width = _GAP + len(before) * (_TILE + _GAP)
    sheet = Image.new("RGB", (width, 2 * (_LABEL + _TILE + _GAP) + _GAP), "white")
    draw = ImageDraw.Draw(sheet)
    for row, (label, images) in enumerate((("before", before), ("after", after))):
        top = _GAP + row * (_LABEL + _TILE + _GAP)
        draw.text((_GAP, top), label, fill="#444444")
        for number, image in enumerate(images):
            sheet.paste(_tile(image), (_GAP + number * (_TILE + _GAP), top + _LABEL))
    return _png(sheet)


def caption_only(text: str) -> bytes:
    """A picture that says why there is none."""
    from PIL import Image, ImageDraw

    sheet = Image.new("RGB", (480, 60), "white")
    ImageDraw.Draw(sheet).text((16, 22), text, fill="#444444")
    return _png(sheet)


def _tile(image: NDArray[np.uint8]) -> Picture:
    from PIL import Image
    from PIL.Image import Resampling

    pixels = image.transpose(1, 2, 0)
    tile = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).convert("RGB")
    enlarged = max(tile.size) < _TILE
    return tile.resize((_TILE, _TILE), Resampling.NEAREST if enlarged else Resampling.BILINEAR)


def _png(sheet: Picture) -> bytes:
    content = io.BytesIO()
    sheet.save(content, format="PNG")
    return content.getvalue()
