"""Columns of text in which every value is a number, with one currency, per cent sign or unit for all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import polars as pl

from tasks.repair.units import NumberStyle, Written, decided, still_fits

Table = Callable[[Sequence[str]], Iterator[pl.DataFrame]]
"""Reads the named columns, part by part."""


def find_numbers_in_text(table: Table, columns: Sequence[str]) -> dict[str, Written]:
    """The columns whose values are all numbers of one format with the same currency or unit around them."""
    left = {name: NumberStyle() for name in columns}
    for part in table(columns) if columns else ():
        # Columns that no longer fit are given up at once: reading goes on for the others only.
        left = {name: candidate for name, candidate in left.items() if still_fits(candidate, part[name])}
        if not left:
            break
    numeric = {name: candidate for name, candidate in left.items() if candidate.varies}
    return {name: decided(candidate) for name, candidate in numeric.items()}
