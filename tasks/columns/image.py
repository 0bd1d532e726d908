"""Images: encoded bytes at rest; decoded to one size and uint8 by `normalize`, scaled when used."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.columns.base import ColumnType, Encoding, Expectation, expectation, round_significant
from tasks.errors import UserError
from tasks.inputs import Field
from tasks.params import ColumnTypeName, NormalizeImage

if TYPE_CHECKING:
    from PIL.Image import Image

_SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"BM", b"RIFF", b"II*\x00", b"MM\x00*")
"""How PNG, JPEG, GIF, BMP, WebP and TIFF files begin."""


@dataclass(frozen=True)
class ImageState:
    """The first image's size, and per channel the pixels' count, sum and sum of squares (for `scale: standard`)."""

    height: int
    width: int
    channels: int
    num_pixels: int
    total: tuple[int, ...]
    total_squares: tuple[int, ...]


class ImageEncoding(Encoding):
    """Decoded to [channels, height, width] bytes; a byte b becomes b * factor + offset, per channel, when used."""

    type: Literal["image"] = "image"
    height: int
    width: int
    channels: int
    factor: tuple[float, ...]
    offset: tuple[float, ...]

    def field(self, name: str) -> Field:
        shape = (self.channels, self.height, self.width)
        return Field(name=name, kind="image", shape=shape, factor=self.factor, offset=self.offset)


class ImageColumn(ColumnType[ImageState | None, NormalizeImage, ImageEncoding]):
    """Pictures as the encoded bytes that came in: PNG, JPEG and whatever else Pillow reads."""

    name: ClassVar[ColumnTypeName] = "image"
    dtype: ClassVar[pl.DataType] = pl.Binary()

    def could_be(self, values: pl.Series) -> bool:
        if values.dtype != pl.Binary:
            return False
        starts = pl.any_horizontal(pl.col(values.name).bin.starts_with(signature) for signature in _SIGNATURES)
        return bool(values.drop_nulls().to_frame().select(starts).to_series().all())

    def expect(self, column: str, values: pl.Series) -> list[Expectation]:
        return [expectation("column_values_to_not_be_null", "critical", column=column)]

    def faults(self, values: pl.Series) -> pl.Series:
        reasons = [_fault(values.name, content) for content in values]
        return pl.Series(values.name, reasons, dtype=pl.String)

    def fit(self, values: pl.Series, settings: NormalizeImage) -> ImageState | None:
        first = next((image for image in map(decode, values) if image is not None), None)
        if first is None:
            return None
        size = settings.height or first.height, settings.width or first.width
        channels = settings.channels or (1 if first.mode in ("1", "L", "LA", "I;16") else 3)
        if settings.scale != "standard":
            return ImageState(*size, channels, 0, (), ())
        pixels = np.stack([_pixels(content, *size, channels) for content in values]).astype(np.int64)
        return ImageState(
            *size,
            channels,
            num_pixels=pixels.size // channels,
            total=tuple(int(total) for total in pixels.sum(axis=(0, 2, 3))),
            total_squares=tuple(int(total) for total in (pixels**2).sum(axis=(0, 2, 3))),
        )

    def merge(self, first: ImageState | None, second: ImageState | None) -> ImageState | None:
        if first is None or second is None:
            return first or second
        return ImageState(
            first.height,
            first.width,
            first.channels,
            first.num_pixels + second.num_pixels,
            tuple(a + b for a, b in zip(first.total, second.total, strict=True)),
            tuple(a + b for a, b in zip(first.total_squares, second.total_squares, strict=True)),
        )

    def finish(self, state: ImageState | None, settings: NormalizeImage) -> ImageEncoding:
        if state is None:
            raise UserError("has no image that can be decoded in any training row; give it the role id to leave it out")
        factor, offset = _factor_and_offset(state, settings.scale)
        return ImageEncoding(
            height=state.height, width=state.width, channels=state.channels, factor=factor, offset=offset
        )

    def transform(self, values: pl.Series, encoding: ImageEncoding) -> NDArray[np.uint8]:
        """[N, C, H, W] uint8. Raises UserError for bytes that are no image."""
        shape = (len(values), encoding.channels, encoding.height, encoding.width)
        block = np.empty(shape, dtype=np.uint8)
        for number, content in enumerate(values):
            block[number] = _pixels(content, encoding.height, encoding.width, encoding.channels)
        return block


def decode(content: bytes | None) -> Image | None:
    """The picture, turned as its EXIF data say; None when the bytes are no picture that Pillow can read."""
    from PIL import Image, ImageOps

    if not content:
        return None
    try:
        with Image.open(io.BytesIO(content)) as image:
            image.load()
            return ImageOps.exif_transpose(image)
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError):
        # What Pillow's readers raise on damaged files; UnidentifiedImageError is an OSError.
        return None


def _fault(column: str, content: bytes | None) -> str | None:
    if content is None:
        return f"{column} has no image"
    return None if decode(content) else f"{column} cannot be decoded as an image ({len(content)} bytes)"


def _pixels(content: bytes | None, height: int, width: int, channels: int) -> NDArray[np.uint8]:
    """[C, H, W] uint8."""
    from PIL.Image import Resampling

    image = decode(content)
    if image is None:
        raise UserError("holds bytes that are no image; `clean` takes such rows out, or give PNG or JPEG bytes")
    image = image.convert("L" if channels == 1 else "RGB")
    if image.size != (width, height):
        image = image.resize((width, height), Resampling.BILINEAR)
    return np.asarray(image, dtype=np.uint8).reshape(height, width, channels).transpose(2, 0, 1)


def _factor_and_offset(state: ImageState, scale: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    if scale == "standard":
        means = [total / state.num_pixels for total in state.total]
        squares = zip(means, state.total_squares, strict=True)
        deviations = [math.sqrt(max(total / state.num_pixels - mean**2, 0.0)) or 1.0 for mean, total in squares]
        factors = tuple(round_significant(1 / deviation) for deviation in deviations)
        offsets = zip(means, deviations, strict=True)
        return factors, tuple(round_significant(-mean / deviation) for mean, deviation in offsets)
    factor, offset = (2 / 255, -1.0) if scale == "symmetric" else (1 / 255, 0.0)
    return (round_significant(factor),) * state.channels, (offset,) * state.channels
