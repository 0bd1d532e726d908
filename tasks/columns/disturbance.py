"""What may befall raw values before they are answered, by kind and strength; each column type names its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class RawColumn:
    """A column of rows to be answered: `values` [N] as they are at rest.

    `encoding` is what makes input of them, `std` the standard deviation of the training rows' numbers, 0 of what is no
    number. `random` begins anew for each strength: the same draws, of which a larger strength takes more.
    """

    values: pl.Series
    encoding: Any
    std: float
    random: np.random.Generator

    def some(self, share: float) -> NDArray[np.int64]:
        """The numbers of so many rows, drawn; those of a smaller share are the first of a larger one."""
        order: NDArray[np.int64] = self.random.permutation(len(self.values))
        return order[: round(share * len(order))]


@dataclass(frozen=True, kw_only=True)
class Disturbance:
    """One kind, in three strengths: weak, middle and strong.

    `title` names it, `words` say what a strength is, as a format of `strength` and `percent`. `change` answers the
    values [N] disturbed. Two types may have the same one, which then befalls the columns of both at once.
    """

    name: str
    title: str
    words: str
    strengths: tuple[float, float, float]
    change: Callable[[RawColumn, float], pl.Series]

    def sentence(self, strength: float) -> str:
        """Such as "10 % of cells missing"."""
        return self.words.format(strength=strength, percent=100 * strength)


def without_some(column: RawColumn, share: float) -> pl.Series:
    """A share of the cells missing."""
    is_kept = np.ones(len(column.values), dtype=np.bool_)
    is_kept[column.some(share)] = False
    nothing = pl.repeat(None, len(is_kept), dtype=column.values.dtype, eager=True)
    return column.values.zip_with(pl.Series(is_kept), nothing)


def mistyped_in_some(column: RawColumn, share: float) -> pl.Series:
    """A share of the cells with one typo each; a cell without a text stays."""
    from tasks.columns.typos import with_typo

    cells = column.values.to_list()
    # In the order in which they were drawn, so that a cell has the same typo whatever the share is.
    for row in column.some(share).tolist():
        cells[row] = cells[row] and with_typo(cells[row], column.random)
    return pl.Series(column.values.name, cells, dtype=pl.String)


def in_each(
    change: Callable[[bytes | None, RawColumn, float], bytes | None],
) -> Callable[[RawColumn, float], pl.Series]:
    """The change of one picture or sound as that of a column; draws go on from row to row, whatever the strength is."""

    def changed(column: RawColumn, strength: float) -> pl.Series:
        contents = [change(content, column, strength) for content in column.values]
        return pl.Series(column.values.name, contents, dtype=pl.Binary)

    return changed


MISSING = Disturbance(
    name="missing",
    title="Missing cells",
    words="{percent:g} % of cells missing",
    strengths=(0.05, 0.1, 0.2),
    change=without_some,
)
TYPOS = Disturbance(
    name="typos",
    title="Typos in categories and texts",
    words="a typo in {percent:g} % of the cells that hold text",
    strengths=(0.05, 0.1, 0.2),
    change=mistyped_in_some,
)
