"""Flips are told where a mirror image is of another class, and found harmless where it is of the same."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.augmentation.mirrors import Direction, look
from tests.mirror_pictures import SIDE, arrow, scene, shape

Draw = Callable[[np.random.Generator, int], NDArray[np.uint8]]


def drawn(draw: Draw, num_rows: int = 300, num_classes: int = 2) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    dice = np.random.default_rng(0)
    classes = np.arange(num_rows) % num_classes
    return np.stack([draw(dice, number)[None] for number in classes]), classes


def test_arrows_to_the_left_and_right_change_their_class_in_the_mirror() -> None:
    mirrors = look(*drawn(arrow), "horizontal")
    assert mirrors.lose_classes
    assert not mirrors.keep_classes
    assert mirrors.own > 0.95
    assert mirrors.mirrored < 0.05
    # Upside down an arrow points where it did.
    upside_down = look(*drawn(arrow), "vertical")
    assert upside_down.keep_classes
    assert not upside_down.lose_classes


@pytest.mark.parametrize("direction", ["horizontal", "vertical"])
def test_circles_and_squares_stay_what_they_are(direction: Direction) -> None:
    mirrors = look(*drawn(shape), direction)
    assert mirrors.keep_classes
    assert not mirrors.lose_classes


def test_pictures_that_never_come_mirrored_are_told_as_well() -> None:
    """As right hands are, of which no left one is in the data: a lamp on the left, whatever the class."""
    assert look(*drawn(scene), "horizontal").keep_classes is False


@pytest.mark.parametrize("num_rows", [2, 12, 300])
def test_nothing_is_said_where_pictures_say_nothing_of_their_classes(num_rows: int) -> None:
    pictures = np.random.default_rng(1).integers(0, 256, (num_rows, 3, SIDE, SIDE)).astype(np.uint8)
    mirrors = look(pictures, np.arange(num_rows) % 2, "horizontal")
    assert not mirrors.keep_classes
    assert not mirrors.lose_classes


def test_few_pictures_are_not_enough_to_call_it_harmless() -> None:
    assert not look(*drawn(shape, num_rows=6), "horizontal").lose_classes


@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 70), (40, 17)])
def test_pictures_of_any_size_are_compared(height: int, width: int) -> None:
    pictures = np.random.default_rng(1).integers(0, 256, (8, 1, height, width)).astype(np.uint8)
    assert look(pictures, np.zeros(8, dtype=np.int64), "vertical").own == 1
