"""Sums over the pixels of many images, and what `scale` makes of them: factor and offset for each channel."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tasks.columns.base import round_significant
from tasks.columns.image import pixels
from tasks.columns.image.pixels import Frame
from tasks.params.normalize import NormalizeImage


@dataclass(frozen=True)
class Sums:
    """Of pixels: their count, and sums and sums of squares of grey, red, green and blue. Whole numbers, so exact."""

    num_pixels: int = 0
    total: tuple[int, ...] = (0, 0, 0, 0)
    total_squares: tuple[int, ...] = (0, 0, 0, 0)

    def __add__(self, other: Sums) -> Sums:
        return Sums(
            self.num_pixels + other.num_pixels,
            tuple(a + b for a, b in zip(self.total, other.total, strict=True)),
            tuple(a + b for a, b in zip(self.total_squares, other.total_squares, strict=True)),
        )


def sums_of(content: bytes | None, settings: NormalizeImage) -> Sums:
    """Of an image's pixels; of none when the bytes are no image."""
    enough = 2 * max(settings.height, settings.width) if settings.height and settings.width else None
    picture = pixels.decode(content, enough)
    if picture is None:
        return Sums()
    size = settings.height or picture.height, settings.width or picture.width
    frames = [Frame(*size, channels, settings.fit) for channels in (1, 3)]
    # Grey and colours are summed both: which of them is asked for may be known from another part only.
    drawn = np.concatenate([pixels.pixels(picture, frame) for frame in frames]).reshape(4, -1).astype(np.int64)
    return Sums(drawn.shape[1], tuple(drawn.sum(axis=1).tolist()), tuple((drawn**2).sum(axis=1).tolist()))


def factor_and_offset(sums: Sums, channels: int, scale: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Per channel, what a byte is multiplied by and what is added, for `normalize.image.scale`."""
    if scale == "standard":
        wanted = slice(0, 1) if channels == 1 else slice(1, 4)
        means = [total / sums.num_pixels for total in sums.total[wanted]]
        squares = zip(means, sums.total_squares[wanted], strict=True)
        # The difference may come out a little below zero by rounding; a channel of one value is left as wide as it is.
        stds = [math.sqrt(max(total / sums.num_pixels - mean**2, 0.0)) or 1.0 for mean, total in squares]
        factors = tuple(round_significant(1 / std) for std in stds)
        offsets = zip(means, stds, strict=True)
        return factors, tuple(round_significant(-mean / std) for mean, std in offsets)
    factor, offset = (2 / 255, -1.0) if scale == "symmetric" else (1 / 255, 0.0)
    return (round_significant(factor),) * channels, (offset,) * channels
