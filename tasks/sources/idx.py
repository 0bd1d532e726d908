"""Images and labels in MNIST's IDX format: a big-endian header with the sizes, then the numbers."""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.errors import UserError
from tasks.params.config import ColumnTypeName
from tasks.params.sources import IdxSource
from tasks.sources.base import SPLIT, Place, Source
from tasks.sources.files import digest_files, find_files, fixed_part, read_errors
from tasks.sources.packed import Entry, entries

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

_NUMBERS = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
"""The third byte of the file says what its numbers are; the fourth, in how many dimensions."""

# Of small pictures; each becomes a PNG, an object of Python.
_MAX_ITEMS = 8192
_MAX_BYTES = 32 << 20
# A damaged header may say any size: 256 MiB a picture is none.
_LARGEST_IMAGE = 1 << 28


class Idx(Source):
    """The images as PNG bytes, the labels as text, and the split when there are test files."""

    kind = "idx"

    def __init__(self, config: IdxSource, place: Place) -> None:
        self._root = place.root
        self._max_unpacked_mib = config.max_unpacked_mib
        self.location = config.images
        self._pairs = {"train": (config.images, config.labels)}
        if config.test_images and config.test_labels:
            self._pairs["test"] = (config.test_images, config.test_labels)

    @property
    def types(self) -> Mapping[str, ColumnTypeName]:
        known: dict[str, ColumnTypeName] = {"image": "image", "label": "category"}
        return known | ({SPLIT: "category"} if self.split_column else {})

    @property
    def split_column(self) -> str | None:
        return SPLIT if len(self._pairs) > 1 else None

    def parts(self) -> Iterator[pl.DataFrame]:
        import polars as pl

        for split, (images, labels) in self._pairs.items():
            for frame in _frames(self._entry(images), self._entry(labels)):
                yield frame.with_columns(pl.lit(split).alias(SPLIT)) if self.split_column else frame

    def digest(self) -> str:
        return digest_files({split: [self._file(given) for given in pair] for split, pair in self._pairs.items()})

    def watched(self) -> list[Path]:
        return [fixed_part(self._root, given) for pair in self._pairs.values() for given in pair]

    def _file(self, location: str) -> Path:
        files = find_files(self._root, location)
        if len(files) > 1:
            raise UserError(f"{location}: {len(files)} files, where one is needed; give the path of one")
        return files[0]

    def _entry(self, location: str) -> Entry:
        members = entries(self._file(location), location, self._max_unpacked_mib)
        if len(members) > 1:
            raise UserError(
                f"{location}: holds {len(members)} files, where one is needed; unpack it, and give each file"
            )
        return members[0]


@dataclass(frozen=True, kw_only=True)
class _Numbers:
    """An open IDX file, read up to its header. `sizes`: of each dimension, the first being the number of items."""

    shown: str
    content: io.BufferedReader
    dtype: str
    sizes: tuple[int, ...]

    @property
    def item_bytes(self) -> int:
        return math.prod(self.sizes[1:]) * int(self.dtype[-1])

    def batches(self, num_items: int) -> Iterator[NDArray[Any]]:
        """[at most `num_items`, *sizes[1:]]. Raises UserError when the file holds more or fewer than it says."""
        import numpy as np

        for start in range(0, self.sizes[0], num_items):
            count = min(num_items, self.sizes[0] - start)
            # Never more than a batch, whatever number of items the header claims.
            content = self.content.read(count * self.item_bytes)
            # numpy would complain about a shape; the user needs to know where the file breaks off.
            if len(content) < count * self.item_bytes:
                self._refuse(f"ends in number {start + len(content) // self.item_bytes + 1}")
            yield np.frombuffer(content, dtype=self.dtype).reshape(count, *self.sizes[1:])
        # One byte more tells that the header is not that of these items.
        if self.content.read(1):
            self._refuse("goes on after them")

    def _refuse(self, what: str) -> None:
        raise UserError(
            f"{self.shown}: its header says {self.sizes[0]:,} items, but the file {what}; copy or download it anew"
        )


def _frames(images: Entry, labels: Entry) -> Iterator[pl.DataFrame]:
    """Batches of images and labels, side by side."""
    import polars as pl

    # Both stay open side by side for as long as batches are taken.
    with ExitStack() as files, read_errors(images.shown):
        pictures = _opened(images, files)
        numbers = _opened(labels, files)
        _check(pictures, numbers)
        count = max(1, min(_MAX_ITEMS, _MAX_BYTES // pictures.item_bytes))
        for pixels, values in zip(pictures.batches(count), numbers.batches(count), strict=True):
            columns = {"image": [_as_png(image) for image in pixels], "label": [_as_text(v) for v in values.tolist()]}
            yield pl.DataFrame(columns, schema={"image": pl.Binary, "label": pl.String})


def _opened(entry: Entry, files: ExitStack) -> _Numbers:
    content = files.enter_context(entry.open())
    head = content.read(4)
    if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in _NUMBERS or not head[3]:
        raise UserError(
            f"{entry.shown}: no IDX file: it begins with {head.hex(' ') or 'nothing'}, where 00 00, a type and a "
            "number of dimensions should stand; give the file of images or labels as it was published"
        )
    sizes = content.read(4 * head[3])
    if len(sizes) < 4 * head[3]:
        raise UserError(f"{entry.shown}: its header is cut off; copy or download it anew")
    numbers = struct.unpack(f">{head[3]}I", sizes)
    return _Numbers(shown=entry.shown, content=content, dtype=_NUMBERS[head[2]], sizes=numbers)


def _check(images: _Numbers, labels: _Numbers) -> None:
    # Where there is a dimension of colours, it is 1 or 3: grey, or RGB.
    colours = images.sizes[3:] in ((), (1,), (3,))
    if images.dtype != ">u1" or len(images.sizes) not in (3, 4) or not colours:
        raise UserError(
            f"{images.shown}: numbers of type {images.dtype[1:]} in sizes {_sizes(images)}; images are unsigned bytes, "
            "[number, height, width], or with 1 or 3 colours besides: give the file of images as ingest.source.images"
        )
    if not 0 < images.item_bytes <= _LARGEST_IMAGE:
        raise UserError(f"{images.shown}: images of size {_sizes(images)} cannot be; copy or download it anew")
    if len(labels.sizes) != 1:
        raise UserError(
            f"{labels.shown}: sizes {_sizes(labels)}, where labels have one: their number; "
            "give the file of labels as ingest.source.labels"
        )
    if images.sizes[0] != labels.sizes[0]:
        raise UserError(
            f"{labels.shown}: {labels.sizes[0]:,} labels for the {images.sizes[0]:,} images of {images.shown}; "
            "give the two files that belong together"
        )


def _sizes(numbers: _Numbers) -> str:
    return " x ".join(map(str, numbers.sizes))


def _as_png(pixels: NDArray[Any]) -> bytes:
    """`pixels`: [H, W], [H, W, 1] or [H, W, 3] bytes. Lightly compressed: a stronger one takes longer than reading."""
    from PIL import Image

    grey = pixels.ndim == 2 or pixels.shape[2] == 1
    content = io.BytesIO()
    Image.fromarray(pixels.reshape(pixels.shape[:2]) if grey else pixels).save(content, format="PNG", compress_level=1)
    return content.getvalue()


def _as_text(value: float) -> str | None:
    """Whole numbers without a fraction, whatever type they are stored in; what is no number is missing."""
    if math.isnan(value):
        return None
    # Labels may be stored as float: class 3.0 is class 3.
    return str(int(value)) if math.isfinite(value) and value == int(value) else repr(value)
