"""Reasons as a table: a line for each column of each row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl

from tasks.explanation.page import shown
from tasks.explanation.reasons import Explanation

_ANSWER = {"row": pl.Int64, "prediction": pl.String}
_SCHEMA = {
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
    """By the number of each row: `base` and the amounts of a row add up to its `answer`.

    Of a version that says where the truth lies, with the columns that its answers have.
    """
    rows = list(explanations)
    region: Mapping[str, float | str] = next((one.region.columns for _, one in rows if one.region), {})
    of_region = {name: pl.String if isinstance(cell, str) else pl.Float64 for name, cell in region.items()}
    lines = [
        {
            "row": row,
            "prediction": shown(one.prediction),
            **(one.region.columns if one.region else {}),
            "class": one.output,
            "probability": one.probability,
            "unit": one.unit,
            "base": one.base,
            "answer": one.answer,
            "column": reason.column,
            "value": None if reason.value is None else shown(reason.value),
            "amount": reason.amount,
        }
        for row, one in rows
        for reason in one.reasons
    ]
    return pl.DataFrame(lines, schema={**_ANSWER, **of_region, **_SCHEMA})
