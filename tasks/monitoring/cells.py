"""A column in cells: what its training rows were like, in so few counts that any number of windows can be kept.

A number falls between quantiles of the training rows, below all of them or above; a category is itself or another one;
what is missing has a cell of its own. Cells are cut by one fifth of the training rows and counted by the other four:
were they cut by those that are counted, each cell would have its share of these without chance, and a test that takes
both samples as drawn alike would be wrong.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.columns import column_type
from tasks.params.config import Config

NUM_CELLS = 32
"""Quantiles between which numbers are told apart."""
NUM_CATEGORIES = 30
"""Categories that have a cell of their own: the most frequent ones."""
CUT_EVERY = 5
"""One row in so many cuts the cells, and the others are counted."""

Kind = Literal["number", "length", "category", "presence"]
"""length: a text is known by how long it is; presence: all that counts is whether there is a value."""

Counts = NDArray[np.float64]
"""[S, K]: rows of each stratum in each cell; the last cell is of those without a value."""


class CellCuts(Config):
    """How values of a column fall into cells: numbers by `edges`, ascending; categories by their own names."""

    name: str
    kind: Kind
    edges: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()

    @property
    def num_cells(self) -> int:
        """With those below and above all edges, or of all other categories, and of what is missing."""
        return {"presence": 1, "category": len(self.categories) + 1}.get(self.kind, len(self.edges) + 1) + 1

    @property
    def titles(self) -> tuple[str, ...]:
        """The cells in words, such as a table has them."""
        match self.kind:
            case "presence":
                return ("there", "missing")
            case "category":
                return (*self.categories, "any other", "missing")
            case _:
                inner = [f"{low:.4g} to {high:.4g}" for low, high in zip(self.edges, self.edges[1:], strict=False)]
                return (f"below {self.edges[0]:.4g}", *inner, f"{self.edges[-1]:.4g} and above", "missing")

    def places(self, values: pl.Series) -> NDArray[np.int64]:
        """The cell of each value [N]."""
        is_missing = values.is_null().to_numpy()
        if self.kind == "presence":
            places = np.zeros(len(values), dtype=np.int64)
        elif self.kind == "category":
            known = {name: place for place, name in enumerate(self.categories)}
            text = values.cast(pl.String)
            places = text.replace_strict(known, default=len(known), return_dtype=pl.Int64).fill_null(0).to_numpy()
        else:
            places = np.searchsorted(self.edges, _numbers(values, self.kind), side="right")
        return np.where(is_missing, self.num_cells - 1, places).astype(np.int64)

    def counts(self, values: pl.Series, strata: NDArray[np.int64], num_strata: int) -> Counts:
        """How many of the values [N] of each stratum [N] are in each cell."""
        flat = strata * self.num_cells + self.places(values)
        counted = np.bincount(flat, minlength=num_strata * self.num_cells).astype(np.float64)
        return counted.reshape(num_strata, self.num_cells)


def cut(values: pl.Series, kind: Kind) -> CellCuts:
    """The cells of a column, by some of its values."""
    there = values.drop_nulls()
    if kind == "presence" or there.is_empty():
        return CellCuts(name=values.name, kind="presence")
    if kind == "category":
        counted = there.cast(pl.String).alias("value").to_frame().group_by("value").len("rows")
        frequent = counted.sort(["rows", "value"], descending=[True, False])["value"].head(NUM_CATEGORIES)
        return CellCuts(name=values.name, kind=kind, categories=tuple(frequent.to_list()))
    numbers = _numbers(there, kind)
    # Of values that come often several quantiles are the same, and the value has a cell of its own.
    edges = np.unique(np.quantile(numbers, np.linspace(0, 1, NUM_CELLS + 1), method="inverted_cdf"))
    # A number above the greatest is beyond all that cut; the greatest itself is not.
    edges[-1] = np.nextafter(edges[-1], np.inf)
    return CellCuts(name=values.name, kind=kind, edges=tuple(float(edge) for edge in np.unique(edges)))


def kind_of(values: pl.Series, type_name: str) -> Kind:
    """How a column of this type is told apart; of times, which go on by themselves, only whether they are there."""
    of_type = column_type(type_name)  # type: ignore[arg-type]
    if of_type.is_media or values.dtype == pl.Datetime:
        return "presence"
    if of_type.is_prose:
        return "length"
    return "number" if values.dtype.is_numeric() else "category"


def _numbers(values: pl.Series, kind: Kind) -> NDArray[np.float64]:
    lengths = values.cast(pl.String).str.len_chars() if kind == "length" else values
    # What is no number at all is beyond all that are, such as what was masked since the cells were cut.
    numbers = lengths.cast(pl.Float64, strict=False).fill_null(np.inf).to_numpy()
    return np.where(np.isnan(numbers), np.inf, numbers)
