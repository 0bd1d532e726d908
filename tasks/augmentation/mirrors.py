"""Whether a picture's mirror image is of the same class, told by the pictures themselves."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.model_input.block_columns import from_series
from tasks.params.augment import Augment
from tasks.paths import Paths
from tasks.recipe.embedding import EmbeddingEncoding
from tasks.recipe.recipe import Recipe
from tasks.tables import storage
from tasks.wording import percent

MOST_PICTURES = 1_000
"""As many say it to two hundredths; all pairs of them are compared."""
_SIDE = 16
"""Pixels: coarse enough that the same thing a little aside is alike, fine enough for the stroke of a digit."""
_SURE = 3.0
"""Standard errors."""
_LOST = 0.25
"""Of what the nearest pictures say of classes: mirroring is harmless if surely less goes, and told if surely more."""

Direction = Literal["horizontal", "vertical"]
_DIRECTIONS: dict[str, tuple[Direction, ...]] = {
    "none": (),
    "horizontal": ("horizontal",),
    "vertical": ("vertical",),
    "both": ("horizontal", "vertical"),
}
"""Of `augment.image.flip`."""


@dataclass(frozen=True, kw_only=True)
class Mirrors:
    """Shares of the pictures whose nearest other picture is of their class: `own` as they are, `mirrored` mirrored.

    `chance` is the share that a picture drawn at random has; `error` the standard error of own - mirrored.
    """

    own: float
    mirrored: float
    chance: float
    error: float
    num_pictures: int

    @property
    def _signal(self) -> float:
        """What the nearest pictures say of classes at all; 0 where it could be chance."""
        signal = self.own - self.chance
        return signal if signal > _SURE * math.sqrt(self.own * (1 - self.own) / self.num_pictures) + 1e-9 else 0.0

    @property
    def keep_classes(self) -> bool:
        """Whether a mirror image is as good as the picture, by the upper end of what may be lost."""
        return self._signal > 0 and self.own - self.mirrored + _SURE * self.error <= _LOST * self._signal

    @property
    def lose_classes(self) -> bool:
        """Whether mirrored pictures are surely no longer like those of their class."""
        return self._signal > 0 and self.own - self.mirrored - _SURE * self.error > _LOST * self._signal


def look(pictures: NDArray[np.uint8], classes: NDArray[np.int64], direction: Direction) -> Mirrors:
    """Compares `pictures` [N, C, H, W] of `classes` [N] with each other, and their mirror images with them.

    A picture is alike when its pixels, coarse and without their mean, correlate the most. Its own mirror image is left
    out: a symmetric picture would else always find itself.
    """
    coarse = _coarse(pictures)
    reference = _directions(coarse)
    known = _finds_its_class(reference, reference, classes)
    flipped = np.flip(coarse, axis=3 if direction == "horizontal" else 2)
    still = _finds_its_class(_directions(flipped), reference, classes)
    change = known.astype(np.float64) - still
    return Mirrors(
        own=float(known.mean()),
        mirrored=float(still.mean()),
        chance=float(np.square(np.bincount(classes) / len(classes)).sum()),
        error=float(change.std() / math.sqrt(len(change))),
        num_pictures=len(classes),
    )


def flip_warnings(config: Augment, recipe: Recipe, paths: Paths) -> list[str]:
    """A sentence for each direction of `image.flip` that takes training pictures out of their class."""
    directions = () if config.image is None else _DIRECTIONS[config.image.flip]
    warnings: list[str] = []
    if not directions or not recipe.target.classes:
        return warnings
    for feature in recipe.features:
        if feature.encoding.type != "image" or isinstance(feature.encoding, EmbeddingEncoding):
            continue
        rows = pl.concat(_some_rows(paths, [feature.name, recipe.target.name]))
        pictures = np.asarray(from_series(feature.encoding.field(feature.name), rows[feature.name]))
        classes = rows[recipe.target.name].to_numpy().astype(np.int64)
        for direction in directions:
            mirrors = look(pictures, classes, direction)
            if mirrors.lose_classes:
                warnings.append(_sentence(feature.name, direction, mirrors))
    return warnings


def every(num_rows: int) -> int:
    """Of how many rows one is looked at."""
    return max(1, math.ceil(num_rows / MOST_PICTURES))


def _some_rows(paths: Paths, columns: list[str]) -> Iterator[pl.DataFrame]:
    """Over all parts, as a source may be sorted by class."""
    step = every(storage.count_rows(paths.normalized("train")))
    for part in storage.read_parts(paths.normalized("train"), columns):
        yield part.gather_every(step)


def _sentence(name: str, direction: Direction, mirrors: Mirrors) -> str:
    return (
        f"augment.image.flip: of {mirrors.num_pictures:,} training pictures of column {name}, "
        f"{percent(mirrors.own, 0)} resemble most another one of their class, and of their {direction} mirror images "
        f"{percent(mirrors.mirrored, 0)}. In the mirror they are of another class, or like nothing that is there: "
        "take flip out, unless such pictures are "
        "to be answered."
    )


def _coarse(pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
    """[N, C, h, w], means over squares; what is over is cut off on both sides, so that the middle stays the middle."""
    num, channels, height, width = pictures.shape
    block = max(1, min(height, width) // _SIDE)
    top, left = height % block // 2, width % block // 2
    cut = pictures[:, :, top : top + height // block * block, left : left + width // block * block]
    squares = cut.reshape(num, channels, height // block, block, width // block, block)
    return np.asarray(squares.mean(axis=(3, 5), dtype=np.float64))


def _directions(pictures: NDArray[np.float64]) -> NDArray[np.float64]:
    flat = pictures.reshape(len(pictures), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    return np.asarray(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-9))


def _finds_its_class(
    asked: NDArray[np.float64], reference: NDArray[np.float64], classes: NDArray[np.int64]
) -> NDArray[np.bool_]:
    likeness = asked @ reference.T
    np.fill_diagonal(likeness, -np.inf)
    return np.asarray(classes[likeness.argmax(axis=1)] == classes)
