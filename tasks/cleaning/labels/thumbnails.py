"""Images and sounds as pictures of at most 16 by 16 pixels: enough to tell classes apart, and quick to learn from."""

from __future__ import annotations

import io

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.columns import column_type
from tasks.params.config import ColumnTypeName

SIDE = 16
"""Pixels."""


def thumbnails(values: pl.Series, type_name: ColumnTypeName) -> pl.Series:
    """Media files [N] as PNG files of `SIDE` pixels or less a side; what cannot be read is black."""
    of_type = column_type(type_name)
    pictures = (of_type.thumbnail(content, SIDE) for content in values)
    black = np.zeros((SIDE, SIDE), dtype=np.uint8)
    # PNG loses nothing, and as encoded files the pictures are a column like any other.
    return pl.Series(values.name, [_png(black if one is None else one) for one in pictures], dtype=pl.Binary)


def _png(pixels: NDArray[np.uint8]) -> bytes:
    """[H, W] or [H, W, 3] as a file."""
    from PIL.Image import fromarray

    content = io.BytesIO()
    # The least compression: files are read once, and then forgotten.
    fromarray(pixels).save(content, format="PNG", compress_level=1)
    return content.getvalue()
