"""Reasons as a table: a line for each column of each row."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from tasks.explanation.page import shown
from tasks.explanation.reasons import Explanation

_SCHEMA = {
    "row": pl.Int64,
    "prediction": pl.String,
    "class": pl.String,
    "probability": pl.Float64,
    "unit": pl.String,
    "base": pl.Float64,
    "answer": pl.Float64,
    "column": pl.String,
    "value": pl.String,
    "amount": pl.Float64,
}


def reasons_table(explanations: Iterable[tuple[int, Explanation]]) -> pl.DataFrame:
    """By the number of each row: `base` and the amounts of a row add up to its `answer`."""
    lines = [
        {
            "row": row,
            "prediction": shown(one.prediction),
            "class": one.output,
            "probability": one.probability,
            "unit": one.unit,
            "base": one.base,
            "answer": one.answer,
            "column": reason.column,
            "value": None if reason.value is None else shown(reason.value),
            "amount": reason.amount,
        }
        for row, one in explanations
        for reason in one.reasons
    ]
    return pl.DataFrame(lines, schema=_SCHEMA)
