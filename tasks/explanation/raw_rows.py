"""Raw rows that somebody wants to have explained, as they are at rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from tasks.errors import UserError, did_you_mean
from tasks.recipe.kind_values import as_text
from tasks.recipe.raw_values import at_rest, check_fit
from tasks.recipe.recipe import Recipe


def single_row(content: Mapping[str, Any], recipe: Recipe, beside: str | None = None) -> pl.DataFrame:
    """The cells of `--row` by column. Raises UserError for a column that is missing, and a cell that cannot be read."""
    _check_names(list(content), recipe)
    return rows_at_rest([content], recipe, beside)


def readable_rows(
    rows: Sequence[Mapping[str, Any]], first: int, recipe: Recipe, beside: str | None = None
) -> tuple[list[int], pl.DataFrame, list[str]]:
    """The rows that can be read: their numbers, counted from `first`, and they; and why each of the others cannot."""
    try:
        return [*range(first, first + len(rows))], rows_at_rest(rows, recipe, beside), []
    except UserError:
        # One bad cell is one row: which one it is shows when each is read by itself.
        numbers, read, reasons = [], [rows_at_rest(rows[:0], recipe, beside)], []
        for number, row in enumerate(rows, start=first):
            try:
                read.append(rows_at_rest([row], recipe, beside))
                numbers.append(number)
            except UserError as error:
                reasons.append(f"row {number} is left out: {error}")
        return numbers, pl.concat(read), reasons


def _check_names(names: Sequence[str], recipe: Recipe) -> None:
    """Raises UserError for columns that the model was trained with and that are not there."""
    asked = [feature.name for feature in recipe.raw_features]
    if missing := [name for name in asked if name not in names]:
        others = [name for name in names if name not in asked]
        hint = did_you_mean(missing[0], others)
        # Columns that are not near are those that the model does not read.
        near = hint if "did you mean" in hint else ";"
        raise UserError(
            f"--row: lacks {', '.join(missing)}, which the model was trained with{near} give each, null where nothing "
            "is known"
        )


def rows_at_rest(rows: Sequence[Mapping[str, Any]], recipe: Recipe, beside: str | None = None) -> pl.DataFrame:
    """Rows' cells, text as the source writes it or values, as they are at rest; those of a column `beside` that the
    model does not read as text. Raises UserError that says which cell cannot be read, and what to give."""
    columns = []
    for feature in recipe.raw_features:
        column = at_rest([row[feature.name] for row in rows], feature)
        check_fit(column, feature)
        columns.append(column)
    if beside:
        columns.append(as_text([row[beside] for row in rows]).alias(beside))
    return pl.DataFrame(columns)
