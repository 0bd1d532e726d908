"""Rows that are not answered: the cells that no model could read, by the recipe, each with its column and value."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import polars as pl

from tasks.recipe.raw_values import refusals
from tasks.recipe.recipe import Feature, Recipe
from tasks.sources.base import BrokenLine
from tasks.tables.origins import PartOrigins

PLACE, COLUMN, VALUE, RULE, REASON = "_place", "_column", "_value", "_rule", "_reason"
OWN_COLUMNS = (PLACE, COLUMN, VALUE, RULE, REASON)
UNREADABLE = "unreadable"
BROKEN = "broken line"
_SHOWN = 200
"""Signs of a value."""


def broken_lines(lines: Sequence[BrokenLine], names: Sequence[str]) -> pl.DataFrame:
    """Lines of a text that are no rows, as rows of the quarantine: the whole line is the value."""
    explained = [
        (line.place, "", line.text, BROKEN, f"no row of the table: {line.reason}; mend the line") for line in lines
    ]
    own = pl.DataFrame(schema=dict.fromkeys((name for name in names if name not in OWN_COLUMNS), pl.String))
    rows = pl.DataFrame(explained, schema=dict.fromkeys(OWN_COLUMNS, pl.String), orient="row")
    return pl.concat([own, rows], how="diagonal")


class Refused:
    """Why rows of a part are not answered; the first reason of a row counts."""

    def __init__(self, rows: pl.DataFrame, origins: PartOrigins) -> None:
        self._rows = rows
        self._origins = origins
        self._why: dict[int, tuple[str, str, str]] = {}

    def add(self, row: int, column: str, rule: str, reason: str) -> None:
        """One row."""
        self._why.setdefault(row, (column, rule, reason))

    def add_unreadable(self, recipe: Recipe) -> None:
        """Cells of text that are no value of their column."""
        for feature in recipe.raw_features:
            if feature.name in self._rows.columns and self._rows[feature.name].dtype == pl.String:
                self._add_cells(self._rows[feature.name], feature)

    def add_by_model(self, refused: Mapping[int, str], rows: Sequence[int]) -> None:
        """What the model itself refused of these rows: a picture that cannot be decoded, an infinite number."""
        for place, message in refused.items():
            named = re.match(r"column (.+?)(: | holds | row )", message)
            self.add(rows[place], named[1] if named else "", UNREADABLE, message)

    @property
    def rows(self) -> list[int]:
        """Their numbers in the part, in order."""
        return sorted(self._why)

    @property
    def rules(self) -> dict[int, str]:
        """The rule by which each of them is not answered, by its number."""
        return {row: rule for row, (_, rule, _) in self._why.items()}

    def kept(self) -> list[int]:
        """The numbers of all others."""
        return [row for row in range(self._rows.height) if row not in self._why]

    def table(self) -> pl.DataFrame:
        """The rows as the source has them, with place, column, value, rule and reason."""
        rows = self.rows
        own = self._rows[rows].select(pl.exclude(pl.Binary, pl.List, pl.Struct, pl.Object))
        explained = [(self._origins.place(row), *self._told(row)) for row in rows]
        schema = dict.fromkeys(OWN_COLUMNS, pl.String)
        return own.drop(OWN_COLUMNS, strict=False).hstack(pl.DataFrame(explained, schema=schema, orient="row"))

    def _told(self, row: int) -> tuple[str, str | None, str, str]:
        column, rule, reason = self._why[row]
        if column not in self._rows.columns:
            return column, None, rule, reason
        value = self._rows[column][row]
        shown = f"{len(value):,} bytes" if isinstance(value, bytes) else None if value is None else str(value)[:_SHOWN]
        return column, shown, rule, reason

    def _add_cells(self, cells: pl.Series, feature: Feature) -> None:
        reasons = refusals(cells, feature)
        for row in reasons.is_not_null().arg_true().to_list():
            self.add(row, feature.name, UNREADABLE, reasons[row])
