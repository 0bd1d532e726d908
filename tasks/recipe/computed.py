"""Features of one's own: columns that are computed from others, the same for rows to learn from and rows to answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from polars.exceptions import PolarsError

from tasks.columns import column_type
from tasks.errors import UserError, did_you_mean
from tasks.params.config import ColumnTypeName, Config, Role
from tasks.params.features import Features
from tasks.params.normalize import Normalize
from tasks.params.pipeline import Pipeline
from tasks.recipe.expressions import parse
from tasks.recipe.frame_function import FrameFunction
from tasks.tables.dataset import Column, Dataset

_LARGEST = float(np.finfo(np.float32).max)
"""Models read float32: a number beyond is none to them, and would cost a raw row its place."""


_READ: tuple[Role, ...] = ("feature", "time")
"""The roles of columns that a feature may be computed from: hour and weekday come from the time that a row is of."""


_TAKEN = "has the name of a column of the data; give it another (a feature's type is written in normalize.columns)"


class Computation(Config):
    """A column that is computed from columns before it: by this expression, or without one by the function."""

    name: str
    sql: str | None
    type: ColumnTypeName


def check_features(features: Features, roles: Mapping[str, Role], *, complete: bool) -> None:
    """Raises UserError that names the feature that is wrong, and says what to do.

    `roles` are those of the columns that are known; a name that is none of them is wrong when they are `complete`.
    """
    names = list(features)
    for number, (name, sql) in enumerate(features.items()):
        if name in roles:
            raise _refusal(name, sql, _TAKEN)
        try:
            columns = parse(sql).columns
        except UserError as error:
            raise _refusal(name, sql, str(error)) from None
        for column in columns:
            if column not in names[:number] and (wrong := _wrong_column(column, name, names, roles, complete)):
                raise _refusal(name, sql, wrong)


def check_pipeline_features(pipeline: Pipeline, dataset: Dataset | None = None) -> None:
    """`check_features` for a pipeline before its data are known, or when ingest has found out about them: a mistake is
    told before work is done that it would stop."""
    if dataset is not None:
        roles = {column.name: column.role for column in dataset.columns}
    else:
        ingest = pipeline.ingest
        roles = {name: column.role or "feature" for name, column in ingest.columns.items()} | {ingest.target: "target"}
    check_features(pipeline.normalize.features, roles, complete=dataset is not None)


def computations(dataset: Dataset, config: Normalize) -> tuple[Computation, ...]:
    """The features of one's own with their types, for these columns. Raises UserError as `check_features` does, and for
    an expression that does not fit the types of the columns that it names."""
    check_features(config.features, {column.name: column.role for column in dataset.columns}, complete=True)
    _check_types_are_for_features(config)
    types: dict[str, ColumnTypeName] = {column.name: column.type for column in dataset.columns if column.role in _READ}
    computed = []
    for name, sql in config.features.items():
        own = config.columns.get(name)
        types[name] = _type_of(name, sql, types, own.type if own else None)
        computed.append(Computation(name=name, sql=sql, type=types[name]))
    return tuple(computed)


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
            values = rows.select(parse(one.sql).computed.alias(one.name)).to_series()
            rows = rows.with_columns(_at_rest(values, one.type))
    made = [one for one in computed if one.sql is None]
    if function is None or not made:
        return rows
    answer = function.made_of(rows, [one.name for one in made])
    return rows.with_columns(_at_rest(answer[one.name], one.type) for one in made)


def made_by_function(
    function: FrameFunction, rows: pl.DataFrame, dataset: Dataset, config: Normalize
) -> tuple[FrameFunction, tuple[Computation, ...]]:
    """What the function makes, with the types of that, as it shows on these rows; and the function with what it reads.

    Raises UserError when it does not do what a feature must: to a row alone the same as to the row among others.
    """
    features = [column.name for column in dataset.features]
    times = [column.name for column in dataset.columns if column.role == "time"]
    function = function.reading(rows, features, times)
    taken = {column.name for column in dataset.columns}
    made = []
    for name, dtype in function.tried(rows).items():
        where = f"normalize.features_from: {function.reference}"
        if name in taken:
            raise UserError(f"{where} makes {name}, which is the name of a column; give it another one")
        own, inferred = config.columns.get(name), _inferred(dtype)
        if inferred is None:
            raise UserError(f"{where} makes {name} of {dtype}; make numbers, text, truth values or times of it")
        made.append(Computation(name=name, sql=None, type=own.type if own and own.type else inferred))
    return function, tuple(made)


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
        raise _refusal(
            name,
            sql,
            "cannot be computed in any training row, where every value is missing; look at the columns that it names, "
            "or take it out",
        )


def _refusal(name: str, sql: str | None, wrong: str) -> UserError:
    """Where a feature stands, what it says, and what is wrong with it."""
    if sql is None:
        return UserError(f"normalize.features_from: {name} {wrong}")
    return UserError(f"normalize.features.{name}: `{sql}` {wrong}")


def _wrong_column(
    column: str, name: str, names: Sequence[str], roles: Mapping[str, Role], complete: bool
) -> str | None:
    """What is wrong with naming this column, which is no feature above."""
    role = roles.get(column)
    if column == name:
        return "names itself; a feature is computed from columns of the data and from features above it, so name those"
    if column in names:
        return f"uses {column}, which stands below it; move {column} above it"
    if role == "target":
        return f"uses {column}, the target, which a row to answer does not have; take it out"
    if role is not None and role not in _READ:
        return (
            f"uses {column}, whose role is {role}: a row to answer is asked for its features alone; take it out, or "
            f"write ingest.columns: {{{column}: {{role: feature}}}}"
        )
    if role is None and complete:
        known = [*(one for one, of_role in roles.items() if of_role in _READ), *names[: names.index(name)]]
        return f"names {column}, and no such column is there, or left by clean{did_you_mean(column, known)}"
    return None


def _check_types_are_for_features(config: Normalize) -> None:
    for name, own in config.columns.items():
        if own.type is not None and name not in config.features and config.features_from is None:
            raise UserError(
                f"normalize.columns.{name}.type: is for features that are computed here; the type of a column of the "
                f"data is written as ingest.columns: {{{name}: {{type: {own.type}}}}}"
            )


def _type_of(name: str, sql: str, types: Mapping[str, ColumnTypeName], pinned: ColumnTypeName | None) -> ColumnTypeName:
    """What the expression computes of columns of these types."""
    expression = parse(sql)
    no_rows = pl.DataFrame(schema={column: column_type(types[column]).dtype for column in expression.columns})
    try:
        dtype = no_rows.select(expression.computed.alias(name)).schema[name]
    except PolarsError as error:
        columns = ", ".join(f"{column} ({types[column]})" for column in expression.columns)
        # Its first sentence, without what it says of Python.
        complaint = str(error).splitlines()[0].split(" (")[0]
        raise _refusal(
            name,
            sql,
            f"does not fit {columns}: {complaint}; make both sides one type: "
            "cast(COLUMN as double) for a number in text, cast(COLUMN as varchar) for text, date '2024-01-31' for days",
        ) from None
    inferred = _inferred(dtype)
    if inferred is None:
        raise _refusal(name, sql, f"is a {_word(dtype)}, which is no type of a column; {_CURES[_word(dtype)]}")
    if pinned == "timestamp" and inferred != "timestamp":
        raise UserError(
            f"normalize.columns.{name}.type: `{sql}` is a {inferred}, of which nobody knows how it writes a time; make "
            "one in the expression, as in strptime(COLUMN, '%d.%m.%Y'), and take the type out"
        )
    return pinned or inferred


_CURES = {
    "time of day": "take extract(hour from ...) of the timestamp",
    "list": "take one of its values, as split_part(COLUMN, ' ', 1) does",
    "constant": "name what it is computed from",
    "value": "cast it to double or varchar",
}
"""What to write in the place of a result that no column holds."""


def _word(dtype: pl.DataType) -> str:
    if isinstance(dtype, pl.Null):
        return "constant"
    return "time of day" if isinstance(dtype, pl.Time) else "list" if isinstance(dtype, pl.List | pl.Array) else "value"


def _inferred(dtype: pl.DataType) -> ColumnTypeName | None:
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
