"""Pictures: encoded bytes as pixels of one size, several at a time."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image

from tasks.parallel import num_cores

Fit = Literal["stretch", "crop", "pad"]
Result = TypeVar("Result")

_GREY_MODES = ("1", "L", "LA", "La", "I", "F")
"""Pillow's names for pictures without colours, besides those of 16 bits (I;16, I;16B, ...)."""

_ORIENTATION = 0x0112
"""The EXIF tag that says how the camera was held; 5 to 8 are on their side."""

_WITH_ORIENTATION = {"exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif"}
"""Where a file may keep that tag: looking is most of the work for a small picture, so others are not asked."""

_DAMAGED = (OSError, ValueError, SyntaxError, EOFError, RuntimeError, TypeError, struct.error)
"""What Pillow's readers raise on damaged files: of AVIF RuntimeError, of EXIF data TypeError and struct.error too."""

_CHUNK = 16
"""Pictures that a thread takes at a time."""

_WORTH_THREADS = 8_192
"""Bytes of the mean picture: below, Python's lock is held most of the time, and threads only wait for each other."""


@dataclass(frozen=True)
class Frame:
    """What pictures are brought to: pixels, 1 channel (grey) or 3 (colour), and how another shape is made to fit.

    stretch: both sides to fit, on their own; crop: the shorter side fits and the middle is cut out; pad: the longer
    side fits and the rest is black.
    """

    height: int
    width: int
    channels: int
    fit: Fit = "stretch"


@dataclass(frozen=True)
class DecodedImage:
    """A decoded picture, upright. Height and width are the whole one's; `image` may be smaller, where that will do."""

    image: Image
    height: int
    width: int

    @property
    def channels(self) -> int:
        """1 when it is grey, 3 when it is coloured."""
        return 1 if self.image.mode in _GREY_MODES or self.image.mode.startswith("I;16") else 3

    @property
    def is_blank(self) -> bool:
        """Whether all of it is of one colour, as `pixels` would have it: in 8 bits, and without transparency."""
        lowest_and_highest = np.reshape(in_colours(self.image, self.channels).getextrema(), (-1, 2))
        return bool((lowest_and_highest[:, 0] == lowest_and_highest[:, 1]).all())


def decode(content: bytes | None, enough: int | None = None, grey: bool = False) -> DecodedImage | None:
    """The picture, turned as its EXIF data say; None when the bytes are no picture that Pillow can read.

    With `enough`, sides of so many pixels will do, and with `grey` their brightness: of JPEG then only a half, a
    quarter or an eighth of each side is computed.
    """
    from PIL import Image

    if not content:
        return None
    try:
        file = Image.open(io.BytesIO(content), formats=_formats(content))
        width, height = file.size
        drafted = enough and file.draft("L" if grey else "RGB", (enough, enough))
        file.load()
        orientation, image = _upright(file)
    # A bomb claims so many pixels that they would fill the memory: as unreadable as a damaged file.
    except (*_DAMAGED, Image.DecompressionBombError):
        return None
    # A draft is smaller than the picture, so the sizes of the file's header are kept.
    if not drafted:
        width, height = image.size
    elif orientation >= 5:
        width, height = height, width
    return DecodedImage(image, height, width)


def read(content: bytes | None, frame: Frame) -> NDArray[np.uint8] | None:
    """The picture as [C, H, W] bytes; None when the bytes are no picture.

    A JPEG is decoded at twice the size that is needed at least: nearly twice as fast for photographs, and no byte
    differs by more than 4.
    """
    picture = decode(content, enough=2 * max(frame.height, frame.width), grey=frame.channels == 1)
    return None if picture is None else pixels(picture, frame)


def pixels(picture: DecodedImage, frame: Frame) -> NDArray[np.uint8]:
    """[C, H, W] bytes."""
    image = _resized(in_colours(picture.image, frame.channels), picture, frame)
    # np.asarray(image) is the same, and a third slower.
    drawn = np.frombuffer(image.tobytes(), dtype=np.uint8)
    return drawn.reshape(frame.height, frame.width, frame.channels).transpose(2, 0, 1)


def thumbnail(picture: DecodedImage, side: int) -> NDArray[np.uint8]:
    """[H, W] bytes of a grey picture, [H, W, 3] of a coloured one: each side as it is, or `side` where it is longer."""
    from PIL.Image import Resampling

    image = in_colours(picture.image, picture.channels)
    return np.asarray(image.resize((min(image.width, side), min(image.height, side)), Resampling.BOX))


def for_each(contents: pl.Series, work: Callable[[int, bytes | None], Result]) -> list[Result]:
    """What `work(number, content)` says of each picture, in their order; larger ones are shared among threads."""

    def of_chunk(start: int) -> list[Result]:
        return [work(start + number, content) for number, content in enumerate(contents[start : start + _CHUNK])]

    starts = range(0, len(contents), _CHUNK)
    num_threads = _num_threads(contents)
    if num_threads == 1:
        return list(chain.from_iterable(map(of_chunk, starts)))
    with ThreadPoolExecutor(num_threads) as pool:
        return list(chain.from_iterable(pool.map(of_chunk, starts)))


def _formats(content: bytes) -> tuple[str, ...] | None:
    """The one that Pillow need try: asking each of its readers in turn costs a tenth of the time of a small PNG."""
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return ("PNG",)
    return ("JPEG",) if content.startswith(b"\xff\xd8\xff") else None


def _num_threads(contents: pl.Series) -> int:
    if len(contents) <= _CHUNK or contents.bin.size().sum() < _WORTH_THREADS * len(contents):
        return 1
    return num_cores()


def _upright(image: Image) -> tuple[int, Image]:
    """The orientation that EXIF data say, 1 without them, and the picture turned accordingly."""
    if _WITH_ORIENTATION.isdisjoint(image.info) and image.format != "TIFF":
        return 1, image
    from PIL import ImageOps

    orientation = image.getexif().get(_ORIENTATION, 1)
    return (orientation, ImageOps.exif_transpose(image)) if orientation in range(2, 9) else (1, image)


def in_colours(image: Image, channels: int) -> Image:
    """With 1 channel or 3 of 8 bits, without transparency."""
    mode = "L" if channels == 1 else "RGB"
    if image.mode == mode:
        return image
    return _eight_bits(image).convert(mode)


def _eight_bits(image: Image) -> Image:
    """Scans of 16 bits with their upper 8: Pillow's own conversion makes everything above 255 white."""
    from PIL import Image

    if not image.mode.startswith("I;16"):
        return image
    return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))


def _resized(image: Image, picture: DecodedImage, frame: Frame) -> Image:
    """In the frame's size. Resized with a filter that weighs all pixels, so that what is small does not vanish."""
    size = frame.width, frame.height
    if image.size == size == (picture.width, picture.height):
        return image
    from PIL.Image import Resampling

    width, height = _scaled_size(picture, frame)
    left, top = round((width - frame.width) / 2), round((height - frame.height) / 2)
    if frame.fit == "crop" and (width, height) != size:
        # Only the middle is computed: a picture of 1 x 10,000 pixels would become a giant before it is cut.
        x, y = image.width / width, image.height / height
        box = left * x, top * y, (left + frame.width) * x, (top + frame.height) * y
        return image.resize(size, Resampling.BILINEAR, box=box)
    if image.size != (width, height):
        image = image.resize((width, height), Resampling.BILINEAR)
    if (width, height) != size:
        # Pillow fills what lies outside with black.
        image = image.crop((left, top, left + frame.width, top + frame.height))
    return image


def _scaled_size(picture: DecodedImage, frame: Frame) -> tuple[int, int]:
    """Width and height after scaling, before anything is cut away or filled up; as torchvision's Resize computes it."""
    by_width = frame.width, max(1, picture.height * frame.width // picture.width)
    by_height = max(1, picture.width * frame.height // picture.height), frame.height
    if frame.fit == "stretch":
        return frame.width, frame.height
    covers = by_width[1] >= frame.height
    return by_width if covers == (frame.fit == "crop") else by_height
