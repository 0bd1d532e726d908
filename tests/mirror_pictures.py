"""Grey pictures of known truth: what is of another class in the mirror, and what is not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SIDE = 24
_ROWS, _COLUMNS = np.mgrid[:SIDE, :SIDE]


def arrow(dice: np.random.Generator, number: int) -> NDArray[np.uint8]:
    """Its head is on the left (0) or on the right (1): the class is where it points."""
    row, size = dice.integers(9, 15), dice.integers(4, 7)
    shaft = (abs(_ROWS - row) <= 1) & (_COLUMNS > 3) & (_COLUMNS < SIDE - 4)
    head = np.isin(_COLUMNS, range(4, 4 + size)) & (abs(_ROWS - row) <= _COLUMNS - 4)
    picture = shaft | head
    return _with_noise(dice, picture if number == 0 else picture[:, ::-1])


def shape(dice: np.random.Generator, number: int) -> NDArray[np.uint8]:
    """A ring (0) or the outline of a square (1), of any size a little aside: the same in any mirror."""
    row, column, radius = *dice.integers(10, 14, 2), dice.integers(6, 9)
    across = abs(_ROWS - row), abs(_COLUMNS - column)
    distance = np.hypot(*across) if number == 0 else np.maximum(*across)
    return _with_noise(dice, abs(distance - radius) <= 1.5)


def scene(dice: np.random.Generator, number: int) -> NDArray[np.uint8]:
    """A shape as above, whose bright side is always the left one, in the first class up, in the second down."""
    lamp = (_COLUMNS < 8) & ((_ROWS < SIDE // 2) if number == 0 else (_ROWS >= SIDE // 2))
    return _with_noise(dice, lamp)


def _with_noise(dice: np.random.Generator, picture: NDArray[np.bool_]) -> NDArray[np.uint8]:
    return np.asarray((picture * 180 + dice.integers(0, 60, (SIDE, SIDE))).astype(np.uint8))
