"""New rows as typed columns, as ingest would have left them: what the suite is asked of, and what drift is seen by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from tasks.columns import column_type
from tasks.params.config import ColumnTypeName
from tasks.tables.dataset import Column, Dataset, SourceRecord


def known_columns(
    passport: Mapping[str, Any], names: Sequence[str], types: Mapping[str, ColumnTypeName]
) -> Dataset | None:
    """The columns of the training rows that the new ones have, without the target; None when there are none.

    `types` are those that they had when they came in: clean may have found others since.
    """
    columns = [Column.model_validate(column) for column in passport.get("columns", ())]
    known = tuple(
        column.model_copy(update={"type": types.get(column.name, column.type), "repair": None})
        for column in columns
        if column.name in names and column.role not in ("target", "split")
    )
    record = SourceRecord(kind="new rows", location="", digest="")
    return Dataset(columns=known, task=passport["task"], num_rows=0, source=record) if known else None


def typed(rows: pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
    """The cells as values of their columns' types, read as the model reads them; what is none is missing."""
    return pl.DataFrame([_typed(rows[column.name], column) for column in dataset.columns])


def empty_table(dataset: Dataset) -> pl.DataFrame:
    """The typed columns without rows."""
    return pl.DataFrame(schema={column.name: column_type(column.type).dtype for column in dataset.columns})


def _typed(cells: pl.Series, column: Column) -> pl.Series:
    of_type = column_type(column.type)
    present = column.dialect.without_missing(cells)
    return of_type.read_served(present, column.dialect) if cells.dtype == pl.String else of_type.cast(present)
