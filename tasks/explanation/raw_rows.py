"""Raw rows that somebody wants to have explained, as they are at rest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import polars as pl

from tasks.errors import UserError, did_you_mean
from tasks.recipe.raw_values import at_rest, check_fit
from tasks.recipe.recipe import Recipe


def single_row(text: str, recipe: Recipe) -> pl.DataFrame:
    """One row given as a JSON object. Raises UserError for what is none, and for a column that is missing."""
    try:
        content = json.loads(text)
    except ValueError as error:
        raise UserError(f'--row: no JSON ({error}); write it such as \'{{"age": 41, "town": "Ulm"}}\'') from None
    if not isinstance(content, dict):
        raise UserError("--row: one JSON object is one row, such as '{\"age\": 41}'; for several rows give a file")
    return rows_at_rest(content, recipe)


def rows_at_rest(row: Mapping[str, Any], recipe: Recipe) -> pl.DataFrame:
    """One row's cells, text as the source writes it or values, as they are at rest. Raises UserError that says which
    column is missing, or which cell cannot be read."""
    names = [feature.name for feature in recipe.features]
    if missing := [name for name in names if name not in row]:
        others = [name for name in row if name not in names]
        hint = did_you_mean(missing[0], others) if others else ""
        raise UserError(
            f"column {', '.join(missing)} is missing; the model was trained with it{hint}; give each, null where "
            "nothing is known"
        )
    columns = []
    for feature in recipe.features:
        column = at_rest([row[feature.name]], feature)
        check_fit(column, feature)
        columns.append(column)
    return pl.DataFrame(columns)
