"""The table of answers: who was asked about, what is passed along, the answer, and which model gave it."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from tasks.errors import UserError
from tasks.tracking.registered import RegisteredModel

ROW, VERSION, RECIPE = "row", "model_version", "recipe"


def check_names(columns: Sequence[str], answers: Sequence[str]) -> None:
    """Raises UserError for a column to be passed along that is called like one of the answers."""
    for column in columns:
        if column in (*answers, ROW, VERSION, RECIPE):
            raise UserError(
                f"--columns: {column} is what a column of the answers is called; rename it in the source, or leave it "
                "out: `row` counts the source's rows"
            )


def ids_among(ids: Sequence[str], names: Sequence[str], answers: Sequence[str]) -> list[str]:
    """The id columns that the source has, but for those that are called like an answer."""
    return [name for name in ids if name in names and name not in (*answers, ROW, VERSION, RECIPE)]


def answer_table(
    rows: pl.DataFrame,
    first: int,
    kept: Sequence[int],
    columns: Sequence[str],
    answers: pl.DataFrame,
    model: RegisteredModel,
) -> pl.DataFrame:
    """A row for each answered row, those of `kept`; `first` is the number of the part's first row in the source."""
    numbers = pl.Series(ROW, [first + row for row in kept], dtype=pl.Int64)
    return (
        pl.DataFrame([numbers, *(rows[name][list(kept)] for name in columns)])
        .hstack(answers)
        .with_columns(pl.lit(model.version, dtype=pl.Int64).alias(VERSION), pl.lit(model.recipe).alias(RECIPE))
    )
