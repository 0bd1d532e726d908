"""The classes of a target: how many rows each has, and how its cells are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from tasks.drafting.facts import Facts
from tasks.drafting.numbers import as_numbers
from tasks.drafting.target import TargetGuess
from tasks.sources.base import NumberFormat


@dataclass(frozen=True, kw_only=True)
class Classes:
    """Rows of each class by its name at rest, and the cells that become it: 1 and 1.0 are the same class."""

    counts: Mapping[str, int]
    cells: Mapping[str, tuple[str, ...]]


def classes_of(facts: Facts, target: TargetGuess) -> Classes:
    """The target's classes; none for a regression."""
    counts: dict[str, int] = {}
    cells: dict[str, tuple[str, ...]] = {}
    counted = facts.state(target.name).counts or {}
    for cell, count in counted.items() if target.task != "regression" else ():
        name = _class_name(cell, facts.written) if facts.is_whole(target.name) else _word(cell)
        counts[name] = counts.get(name, 0) + count
        cells[name] = (*cells.get(name, ()), str(cell))
    return Classes(counts=dict(sorted(counts.items())), cells=cells)


def _class_name(cell: object, written: NumberFormat) -> str:
    numbers = as_numbers(pl.Series([cell]), written)
    assert numbers is not None
    return f"{numbers.item():.0f}"


def _word(cell: object) -> str:
    return str(cell).lower() if isinstance(cell, bool) else str(cell)
