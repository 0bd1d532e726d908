"""Images: encoded bytes at rest; decoded to one size and uint8 by `normalize`, scaled when used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.columns.base import ColumnType, Depiction, Encoding, Expectation, expectation
from tasks.columns.disturbance import Disturbance
from tasks.columns.image import pixels
from tasks.columns.image.disturbances import DISTURBANCES
from tasks.columns.image.pixels import DecodedImage, Fit, Frame
from tasks.columns.image.served import served_image
from tasks.columns.image.sums import Sums, factor_and_offset, sums_of
from tasks.columns.value_summary import ValueSummary
from tasks.errors import UserError
from tasks.model_input.inputs import Field
from tasks.model_input.step_rows import StepRows
from tasks.params.augment import AugmentImage
from tasks.params.clean import CleanImage
from tasks.params.config import ColumnTypeName, Config
from tasks.params.normalize import NormalizeImage
from tasks.tables.dialect import ColumnDialect

if TYPE_CHECKING:
    from torch import Generator, Tensor

_SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\x00", b"MM\x00*")
"""How PNG, JPEG, GIF, BMP and TIFF files begin. WebP has its name behind RIFF and a size, as WAV sound has."""


@dataclass(frozen=True)
class ImageState:
    """The first image's size, and the pixels' sums (for `scale: standard`).

    The sums are those of all images in the size that was asked for, or else in their own: a later part does not know
    the first image's size, and the sums must not depend on where parts are cut.
    """

    height: int
    width: int
    channels: int
    sums: Sums = field(default_factory=Sums)


class ImageEncoding(Encoding):
    """Decoded to [channels, height, width] bytes; a byte b becomes b * factor + offset, per channel, when used."""

    type: Literal["image"] = "image"
    height: int
    width: int
    channels: int
    fit: Fit = "stretch"
    factor: tuple[float, ...]
    offset: tuple[float, ...]

    @property
    def frame(self) -> Frame:
        return Frame(self.height, self.width, self.channels, self.fit)

    @property
    def requirements(self) -> tuple[str, ...]:
        return ("pillow",)

    def field(self, name: str) -> Field:
        shape = (self.channels, self.height, self.width)
        return Field(name=name, kind="image", shape=shape, factor=self.factor, offset=self.offset)


class ImageColumn(ColumnType[ImageState | None, NormalizeImage, ImageEncoding]):
    """Pictures as the encoded bytes that came in: PNG, JPEG and whatever else Pillow reads."""

    name: ClassVar[ColumnTypeName] = "image"
    dtype: ClassVar[pl.DataType] = pl.Binary()
    encoding: ClassVar[type[Encoding]] = ImageEncoding
    disturbances: ClassVar[tuple[Disturbance, ...]] = DISTURBANCES
    asks_values: ClassVar[bool] = False
    has_many_inputs: ClassVar[bool] = True

    def depict(self, value: bytes) -> Depiction:
        from tasks.columns.image.depiction import depict

        return depict(value)

    def could_be(self, values: pl.Series) -> bool:
        if values.dtype != pl.Binary:
            return False
        content = pl.col(values.name).bin
        webp = content.starts_with(b"RIFF") & (content.slice(8, 4) == b"WEBP")
        known = pl.any_horizontal(webp, *(content.starts_with(signature) for signature in _SIGNATURES))
        return bool(values.drop_nulls().to_frame().select(known).to_series().all())

    def fits(self, summary: ValueSummary) -> bool:
        """Bytes that no other type took: what no picture can be read from, `clean` reports row by row."""
        return summary.storage == "bytes"

    def expect(self, column: str, values: pl.Series) -> list[Expectation]:
        return [expectation("column_values_to_not_be_null", "critical", column=column)]

    def faults(self, values: pl.Series, settings: Config | None = None) -> pl.Series:
        chosen = _clean_settings(settings)
        return _reasons(values, lambda content: _fault(values.name, content, chosen))

    def flags(self, values: pl.Series, settings: Config | None = None) -> pl.Series:
        if _clean_settings(settings).blank != "flag":
            return super().flags(values, settings)
        return _reasons(values, lambda content: _blank_flag(values.name, content))

    def thumbnail(self, content: bytes | None, side: int) -> NDArray[np.uint8] | None:
        picture = pixels.decode(content)
        return None if picture is None else pixels.thumbnail(picture, side)

    def served_value(self, value: Any, encoding: ImageEncoding, dialect: ColumnDialect) -> bytes:
        return served_image(value)

    def accepts(self, dialect: ColumnDialect) -> str:
        return "the bytes of an image's file, also as base64 text, or its pixels"

    def fit(self, values: pl.Series, settings: NormalizeImage) -> ImageState | None:
        # Only as far as the first one that can be decoded: its size stands for all.
        first = next((picture for picture in map(pixels.decode, values) if picture is not None), None)
        if first is None:
            return None
        size = settings.height or first.height, settings.width or first.width
        channels = settings.channels or first.channels
        if settings.scale != "standard":
            return ImageState(*size, channels)
        each = pixels.for_each(values, lambda _, content: sums_of(content, settings))
        return ImageState(*size, channels, reduce(Sums.__add__, each))

    def merge(self, first: ImageState | None, second: ImageState | None) -> ImageState | None:
        if first is None or second is None:
            return first or second
        sums = first.sums + second.sums
        return ImageState(first.height, first.width, first.channels, sums)

    def finish(self, state: ImageState | None, settings: NormalizeImage) -> ImageEncoding:
        if state is None:
            raise UserError("has no image that can be decoded in any training row; give it the role id to leave it out")
        factor, offset = factor_and_offset(state.sums, state.channels, settings.scale)
        return ImageEncoding(
            height=state.height,
            width=state.width,
            channels=state.channels,
            fit=settings.fit,
            factor=factor,
            offset=offset,
        )

    def transform(self, values: pl.Series, encoding: ImageEncoding) -> NDArray[np.uint8]:
        """[N, C, H, W] uint8. Raises UserError for bytes that are no image."""
        block = np.empty((len(values), *encoding.field(values.name).shape), dtype=np.uint8)
        frame = encoding.frame

        def put(number: int, content: bytes | None) -> None:
            drawn = pixels.read(content, frame)
            if drawn is None:
                raise UserError("holds bytes that are no image; `clean` takes such rows out, or give PNG or JPEG bytes")
            block[number] = drawn

        pixels.for_each(values, put)
        return block

    def augment(
        self, block: Tensor, settings: Config, generator: Generator, encoding: ImageEncoding, std: float, rows: StepRows
    ) -> Tensor:
        """[B, C, H, W] bytes, as uint8 or float32."""
        from tasks.columns.image.augment import augment_images

        assert isinstance(settings, AugmentImage)
        return augment_images(block, settings, generator, rows)


def _clean_settings(settings: Config | None) -> CleanImage:
    if settings is None:
        return CleanImage()
    assert isinstance(settings, CleanImage)
    return settings


def _reasons(values: pl.Series, judge: Callable[[bytes | None], str | None]) -> pl.Series:
    return pl.Series(values.name, pixels.for_each(values, lambda _, content: judge(content)), dtype=pl.String)


def _fault(column: str, content: bytes | None, settings: CleanImage) -> str | None:
    if content is None:
        return f"{column} has no image"
    picture = pixels.decode(content, enough=1)
    if picture is None:
        return f"{column} cannot be decoded as an image ({len(content)} bytes)"
    if min(picture.height, picture.width) < settings.min_side:
        return f"{column} is {picture.width} x {picture.height} pixels, smaller than {settings.min_side}"
    return _blank(column, content, picture) if settings.blank == "quarantine" else None


def _blank_flag(column: str, content: bytes | None) -> str | None:
    picture = pixels.decode(content, enough=1)
    return None if picture is None else _blank(column, content, picture)


def _blank(column: str, content: bytes | None, picture: DecodedImage) -> str | None:
    """Why it is at fault. The draft of a picture of one colour is of one colour, but not the other way round."""
    if not picture.is_blank:
        return None
    # Only a picture whose draft is blank is decoded in full, and few are.
    whole = pixels.decode(content)
    return f"{column} is blank: all pixels are of one colour" if whole is not None and whole.is_blank else None
