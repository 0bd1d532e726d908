"""Images: encoded bytes at rest; decoded to one size and uint8 by `normalize`, scaled when used."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.columns.base import ColumnType, Encoding, Expectation, expectation, round_significant
from tasks.errors import UserError
from tasks.inputs import Field
from tasks.params import AugmentImage, ColumnTypeName, Config, NormalizeImage

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Generator, Tensor

_SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\x00", b"MM\x00*")
"""How PNG, JPEG, GIF, BMP and TIFF files begin. WebP has its name behind RIFF and a size, as WAV sound has."""


@dataclass(frozen=True)
class ImageState:
    """The first image's size, and the pixels' count, sums and sums of squares (for `scale: standard`).

    The sums are those of grey, red, green and blue, over all images in the size that was asked for, or else in their
    own: a later part does not know the first image's size, and the sums must not depend on where parts are cut.
    """

    height: int
    width: int
    channels: int
    num_pixels: int = 0
    total: tuple[int, ...] = (0, 0, 0, 0)
    total_squares: tuple[int, ...] = (0, 0, 0, 0)


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
        content = pl.col(values.name).bin
        webp = content.starts_with(b"RIFF") & (content.slice(8, 4) == b"WEBP")
        known = pl.any_horizontal(webp, *(content.starts_with(signature) for signature in _SIGNATURES))
        return bool(values.drop_nulls().to_frame().select(known).to_series().all())

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
        state = ImageState(*size, channels)
        if settings.scale != "standard":
            return state
        return reduce(_with_pixels, (_grey_and_colours(content, settings) for content in values), state)

    def merge(self, first: ImageState | None, second: ImageState | None) -> ImageState | None:
        if first is None or second is None:
            return first or second
        return ImageState(
            first.height,
            first.width,
            first.channels,
            first.num_pixels + second.num_pixels,
            _added(first.total, second.total),
            _added(first.total_squares, second.total_squares),
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
            image = decode(content)
            if image is None:
                raise UserError("holds bytes that are no image; `clean` takes such rows out, or give PNG or JPEG bytes")
            block[number] = _pixels(image, encoding.height, encoding.width, encoding.channels)
        return block

    def augment(self, block: Tensor, settings: Config, generator: Generator) -> Tensor:
        """[B, C, H, W] bytes, as uint8 or float32."""
        from tasks.image_augmentation import augment_images

        assert isinstance(settings, AugmentImage)
        return augment_images(block, settings, generator)


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


def _pixels(image: Image, height: int, width: int, channels: int) -> NDArray[np.uint8]:
    """[C, H, W] uint8."""
    from PIL.Image import Resampling

    image = _eight_bits(image).convert("L" if channels == 1 else "RGB")
    if image.size != (width, height):
        image = image.resize((width, height), Resampling.BILINEAR)
    return np.asarray(image, dtype=np.uint8).reshape(height, width, channels).transpose(2, 0, 1)


def _eight_bits(image: Image) -> Image:
    """Scans of 16 bits with their upper 8: Pillow's own conversion makes everything above 255 white."""
    from PIL import Image

    if not image.mode.startswith("I;16"):
        return image
    return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))


def _grey_and_colours(content: bytes | None, settings: NormalizeImage) -> NDArray[np.int64]:
    """An image's pixels as grey, red, green and blue, [4, P]; without any when the bytes are no image."""
    image = decode(content)
    if image is None:
        return np.zeros((4, 0), dtype=np.int64)
    size = settings.height or image.height, settings.width or image.width
    return np.concatenate([_pixels(image, *size, channels).reshape(channels, -1) for channels in (1, 3)]).astype(
        np.int64
    )


def _with_pixels(state: ImageState, pixels: NDArray[np.int64]) -> ImageState:
    return replace(
        state,
        num_pixels=state.num_pixels + pixels.shape[1],
        total=_added(state.total, pixels.sum(axis=1).tolist()),
        total_squares=_added(state.total_squares, (pixels**2).sum(axis=1).tolist()),
    )


def _added(first: Sequence[int], second: Sequence[int]) -> tuple[int, ...]:
    return tuple(a + b for a, b in zip(first, second, strict=True))


def _factor_and_offset(state: ImageState, scale: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    if scale == "standard":
        wanted = slice(0, 1) if state.channels == 1 else slice(1, 4)
        means = [total / state.num_pixels for total in state.total[wanted]]
        squares = zip(means, state.total_squares[wanted], strict=True)
        deviations = [math.sqrt(max(total / state.num_pixels - mean**2, 0.0)) or 1.0 for mean, total in squares]
        factors = tuple(round_significant(1 / deviation) for deviation in deviations)
        offsets = zip(means, deviations, strict=True)
        return factors, tuple(round_significant(-mean / deviation) for mean, deviation in offsets)
    factor, offset = (2 / 255, -1.0) if scale == "symmetric" else (1 / 255, 0.0)
    return (round_significant(factor),) * state.channels, (offset,) * state.channels
