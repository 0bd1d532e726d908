"""What `normalize` takes for images against a plain loop of Pillow: `python benchmarks/images.py`.

Both run in this process, in turn (A B A B ...), on the same bytes; the plain loop has one thread. Results with their
machine stand in docs/benchmarks.md.
"""

from __future__ import annotations

import io
import platform
import statistics
import sys
import time
import unittest.mock
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))

from tasks.columns.image.column import ImageColumn, ImageEncoding
from tasks.parallel import num_cores
from tasks.params.clean import CleanImage
from tasks.params.normalize import NormalizeImage

RUNS = 7


@dataclass(frozen=True)
class Pictures:
    """Encoded images, and what they are brought to."""

    name: str
    contents: pl.Series
    height: int
    width: int
    mode: str

    @property
    def settings(self) -> NormalizeImage:
        return NormalizeImage(height=self.height, width=self.width, channels=1 if self.mode == "L" else 3)


def main() -> None:
    """Makes the images, measures, prints a table."""
    print(f"{platform.processor() or platform.machine()}, {num_cores()} cores, Python {platform.python_version()}\n")
    print("| what | images/s | plain loop, images/s | ratio (median of pairs) |")
    print("| --- | --- | --- | --- |")
    for pictures in (_scans(20_000), _photographs(500)):
        column, settings = ImageColumn(), pictures.settings
        encoding = column.finish(column.fit(pictures.contents, settings), settings)
        _compare(pictures, "normalize", lambda p=pictures, e=encoding: _transform(p, e))
        with unittest.mock.patch("tasks.columns.image.pixels.num_cores", return_value=1):
            _compare(pictures, "normalize, one thread", lambda p=pictures, e=encoding: _transform(p, e))
        _compare(pictures, "clean: faults", lambda p=pictures: ImageColumn().faults(p.contents, CleanImage()))


def _scans(num_images: int) -> Pictures:
    """Grey strokes on black, as scanned digits have them: 28 x 28."""
    dice = np.random.default_rng(0)
    contents = []
    for _ in range(num_images):
        coarse = Image.fromarray(dice.integers(0, 256, (5, 5)).astype(np.uint8)).resize((28, 28))
        contents.append(_encoded(coarse.point(lambda value: max(0, 2 * value - 255)), "PNG"))
    return Pictures("PNG 28 x 28 to 28 x 28 grey", pl.Series("scan", contents), 28, 28, "L")


def _photographs(num_images: int) -> Pictures:
    """Soft colours with some noise: 640 x 480, about 60 kB each."""
    dice = np.random.default_rng(0)
    contents = []
    for _ in range(num_images):
        coarse = Image.fromarray(dice.integers(0, 256, (15, 20, 3)).astype(np.uint8)).resize((640, 480))
        noisy = np.asarray(coarse) + dice.integers(-8, 9, (480, 640, 3))
        contents.append(_encoded(Image.fromarray(noisy.clip(0, 255).astype(np.uint8)), "JPEG"))
    return Pictures("JPEG 640 x 480 to 64 x 64 colour", pl.Series("photo", contents), 64, 64, "RGB")


def _encoded(picture: Image.Image, form: str) -> bytes:
    content = io.BytesIO()
    picture.save(content, format=form, quality=85)
    return content.getvalue()


def _transform(pictures: Pictures, encoding: ImageEncoding) -> np.ndarray:
    return ImageColumn().transform(pictures.contents, encoding)


def _plain(pictures: Pictures) -> np.ndarray:
    """What one would write by hand."""
    images = []
    for content in pictures.contents:
        image = Image.open(io.BytesIO(content)).convert(pictures.mode)
        if image.size != (pictures.width, pictures.height):
            image = image.resize((pictures.width, pictures.height), Image.Resampling.BILINEAR)
        images.append(np.asarray(image))
    return np.stack(images)


def _compare(pictures: Pictures, what: str, work: Callable[[], object]) -> None:
    """Seconds of both, in turn, after one of each that is not counted."""
    work(), _plain(pictures)
    pairs = [(_seconds(work), _seconds(lambda: _plain(pictures))) for _ in range(RUNS)]
    ours, plain = (len(pictures.contents) / statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(b / a for a, b in pairs)
    print(f"| {what}, {pictures.name} | {ours:,.0f} | {plain:,.0f} | {ratio:.2f} |", flush=True)


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
