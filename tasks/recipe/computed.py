"""Features of one's own: columns that are computed from others, the same for rows to learn from and rows to answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from textwrap import shorten
from typing import Any

import numpy as np
import polars as pl
from polars.exceptions import PolarsError

from tasks.columns import column_type
from tasks.errors import UserError
from tasks.params.config import ColumnTypeName, Config
from tasks.recipe.expressions import parse
from tasks.recipe.frame_function import FrameFunction
from tasks.tables.dataset import Column, Dataset

_LARGEST = float(np.finfo(np.float32).max)
"""Models read float32: a number beyond is none to them, and would cost a raw row its place."""

_CURES = (
    "make the types meet: cast(COLUMN as double) for a number in text, cast(COLUMN as varchar) for text, "
    "strptime(COLUMN, '%d.%m.%Y') for a time in text, date '2024-01-31' for a day"
)


class Computation(Config):
    """A column that is computed from columns before it: by this expression, or without one by the function."""

    name: str
    sql: str | None
    type: ColumnTypeName


def with_columns(dataset: Dataset, computed: Sequence[Computation]) -> Dataset:
    """The data set with the computed columns behind its own."""
    columns = (Column(name=one.name, type=one.type, role="feature") for one in computed)
    return dataset.model_copy(update={"columns": (*dataset.columns, *columns)})


def read_only(dataset: Dataset, computed: Iterable[Computation], function: FrameFunction | None = None) -> list[Column]:
    """The columns that computed features read, and that are no features themselves."""
    names = {name for one in computed if one.sql is not None for name in parse(one.sql).columns}
    names |= set(function.reads) if function else set()
    return [column for column in dataset.columns if column.name in names and column.role != "feature"]


def with_computed(
    rows: pl.DataFrame, computed: Sequence[Computation], function: FrameFunction | None = None
) -> pl.DataFrame:
    """Rows, whose columns are put right, with the computed columns; a value is missing where it cannot be computed."""
    for one in computed:
        if one.sql is not None:
            rows = rows.with_columns(_at_rest(values_of(rows, one.name, one.sql), one.type))
    made = [one for one in computed if one.sql is None]
    if function is None or not made:
        return rows
    answer = function.made_of(rows, [one.name for one in made])
    return rows.with_columns(_at_rest(answer[one.name], one.type) for one in made)


def computed_parts(
    parts: Iterable[pl.DataFrame], computed: Sequence[Computation], function: FrameFunction | None = None
) -> Iterator[pl.DataFrame]:
    """Each part with the computed columns. Raises UserError, at the end, for one that no row has a value of."""
    absent = {one.name: one.sql for one in computed}
    for part in parts:
        rows = with_computed(part, computed, function)
        absent = {name: sql for name, sql in absent.items() if rows[name].null_count() == rows.height}
        yield rows
    for name, sql in absent.items():
        raise refusal(
            name,
            sql,
            "cannot be computed in any training row, where every value is missing; look at the columns that it names, "
            "or take it out",
        )


def refusal(name: str, sql: str | None, wrong: str) -> UserError:
    """Where a feature stands, what it says, and what is wrong with it."""
    if sql is None:
        return UserError(f"normalize.features_from: {name} {wrong}")
    return UserError(f"normalize.features.{name}: `{shorten(sql, 120, placeholder=' ...')}` {wrong}")


def values_of(rows: pl.DataFrame, name: str, sql: str) -> pl.Series:
    """What the expression is in these rows, of its own type. Raises UserError where it does not fit their types."""
    expression = parse(sql)
    try:
        return rows.select(expression.computed.alias(name)).to_series()
    except PolarsError as error:
        columns = ", ".join(f"{column} ({inferred_type(rows[column].dtype)})" for column in expression.columns)
        # Its first sentence, without what it says of Python.
        complaint = str(error).splitlines()[0].split(" (")[0]
        raise refusal(name, sql, f"does not fit {columns}: {complaint}; {_CURES}") from None


def inferred_type(dtype: pl.DataType) -> ColumnTypeName | None:
    """The type of a computed column with such values; None when no column has such."""
    if dtype.is_numeric() or isinstance(dtype, pl.Duration):
        return "number"
    if isinstance(dtype, pl.Date | pl.Datetime):
        return "timestamp"
    return {pl.Boolean(): "boolean", pl.String(): "category"}.get(dtype)  # type: ignore[return-value]


def _at_rest(values: pl.Series, type_name: ColumnTypeName) -> pl.Series:
    """Computed values as a column of this type holds them."""
    if isinstance(values.dtype, pl.Duration):
        values = values.dt.total_microseconds() / 1_000_000
    of_type: Any = column_type(type_name)
    column: pl.Series = of_type.cast(values)
    if column.dtype != pl.Float64:
        return column
    return column.set(~(column.abs() <= _LARGEST), None)
