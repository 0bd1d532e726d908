"""A last row that adds up those above it, as reports end with one: it is no case like the others, and is told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from tasks.drafting.column_statistics import as_numbers
from tasks.drafting.findings import Finding, listed
from tasks.drafting.profile import SourceProfile
from tasks.sources.base import NumberFormat
from tasks.tables.origins import RowOrigins

_WORDS = """
    totals? totale?s? sum summe gesamt gesamtsumme insgesamt somme suma som totaal average mean mittelwert durchschnitt
    moyenne
    """
_TOTAL = re.compile(rf"\W*(?:grand |sub)?(?:{'|'.join(_WORDS.split())})\W*", re.IGNORECASE)
_LONGEST_COMMENT = 8
"""Characters that ingest.source.comment takes."""


@dataclass(kw_only=True)
class LastRow:
    """The last row of a reading, and where it stands."""

    cells: Mapping[str, Any] = field(default_factory=dict)
    place: str = ""

    def see(self, part: pl.DataFrame, origins: RowOrigins) -> None:
        """Takes in the next batch."""
        if part.height:
            self.cells, self.place = part.row(-1, named=True), origins.place(part.height - 1)


def find_total(
    last: LastRow, profiled: SourceProfile, settings: Mapping[str, Any], numbers: NumberFormat
) -> list[Finding]:
    """A row that calls itself so in a word that no other row has; `settings` say how the source is written."""
    words = [name for name, cell in last.cells.items() if isinstance(cell, str) and _TOTAL.fullmatch(cell)]
    names = [name for name in words if _stands_once(profiled, name, last.cells[name])]
    if not names:
        return []
    cell = last.cells[names[0]]
    sums = [name for name in last.cells if _is_sum(profiled, name, last.cells[name], numbers)]
    adds_up = f" and adds up {listed(sums)}" if sums else ""
    message = (
        f"{last.place}, the last row, says `{cell}` in {names[0]}{adds_up}: a row of totals is no case to learn from. "
        f"{_advice(names[0] == next(iter(last.cells)), cell, settings)}"
    )
    return [Finding(kind="total_row", columns=(), message=message)]


def _stands_once(profiled: SourceProfile, name: str, cell: str) -> bool:
    state = profiled.columns[name]
    counted = (state.counts, state.non_numeric, state.off_format)
    return max((counts.get(cell, 0) for counts in counted if counts is not None), default=0) <= 1


def _is_sum(profiled: SourceProfile, name: str, cell: Any, numbers: NumberFormat) -> bool:
    """Whether the column's last number is the sum of the others, where the sample is all rows."""
    values = profiled.sample[name]
    read = as_numbers(values, numbers) if len(values) == profiled.num_rows and cell is not None else None
    if read is None or read.null_count() == len(read) or read[-1] is None:
        return False
    others = float(read[:-1].sum())
    return others != 0 and abs(read[-1] - others) <= 1e-6 * abs(others)


def _advice(is_first: bool, cell: str, settings: Mapping[str, Any]) -> str:
    if (
        not is_first
        or settings.get("separator") is None
        or settings.get("comment")
        or settings.get("quoting") == "double"
    ):
        return "Take it out of the source."
    comment = f"{cell}{settings['separator']}"[:_LONGEST_COMMENT]
    return f"Leave it out by `init --set 'comment={comment}'`."
