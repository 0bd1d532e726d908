"""An image as callers of a served model may give it: a file's bytes, or an array of its pixels."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from tasks.columns.served import served_bytes
from tasks.errors import UserError


def served_image(value: Any) -> bytes:
    """Encoded bytes: as they are, base64 text (as JSON carries them), or an array of byte values as PNG."""
    if isinstance(value, bytes | bytearray | memoryview | str):
        return served_bytes(value)
    return _as_png(np.asarray(value))


def _as_png(array: np.ndarray[Any, Any]) -> bytes:
    """[H, W], [H, W, 1] or [H, W, 3] with values from 0 to 255."""
    from PIL import Image

    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)) or array.size == 0:
        raise UserError(
            f"an array of shape {array.shape} is no image; give [height, width] or [height, width, channels]"
        )
    if array.dtype.kind not in "uif" or not ((array >= 0) & (array <= 255) & (array % 1 == 0)).all():
        raise UserError("an image's values are whole numbers from 0 to 255")
    content = io.BytesIO()
    Image.fromarray(array.astype(np.uint8)).save(content, format="PNG")
    return content.getvalue()
