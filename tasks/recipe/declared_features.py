"""The features that a user declares, looked at before they are computed: names, roles, types, and what may not be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from tasks.columns import column_type
from tasks.errors import UserError, did_you_mean
from tasks.params.config import ColumnTypeName, Role
from tasks.params.features import Features
from tasks.params.normalize import Normalize
from tasks.params.pipeline import Pipeline
from tasks.recipe.computed import Computation, inferred_type, refusal, values_of
from tasks.recipe.expressions import parse
from tasks.recipe.frame_function import FrameFunction
from tasks.tables.dataset import Dataset

_READ: tuple[Role, ...] = ("feature", "time")
"""The roles of columns that a feature may be computed from: hour and weekday come from the time that a row is of."""

_TAKEN = "has the name of a column of the data; give it another (a feature's type is written in normalize.columns)"


def check_features(features: Features, roles: Mapping[str, Role], *, complete: bool) -> None:
    """Raises UserError that names the feature that is wrong, and says what to do.

    `roles` are those of the columns that are known; a name that is none of them is wrong when they are `complete`.
    """
    names = list(features)
    for number, (name, sql) in enumerate(features.items()):
        if name in roles:
            raise refusal(name, sql, _TAKEN)
        try:
            columns = parse(sql).columns
        except UserError as error:
            raise refusal(name, sql, str(error)) from None
        for column in columns:
            if column not in names[:number] and (wrong := _wrong_column(column, name, names, roles, complete)):
                raise refusal(name, sql, wrong)


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
    if config.features_from is None:
        _check_types_are_for_features(config, set())
    types: dict[str, ColumnTypeName] = {column.name: column.type for column in dataset.columns if column.role in _READ}
    computed = []
    for name, sql in config.features.items():
        own = config.columns.get(name)
        types[name] = _type_of(name, sql, types, own.type if own else None)
        computed.append(Computation(name=name, sql=sql, type=types[name]))
    return tuple(computed)


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
        own, inferred = config.columns.get(name), inferred_type(dtype)
        if inferred is None:
            raise UserError(f"{where} makes {name} of {dtype}; make numbers, text, truth values or times of it")
        made.append(Computation(name=name, sql=None, type=_given_or(inferred, own.type if own else None, name)))
    _check_types_are_for_features(config, {one.name for one in made})
    return function, tuple(made)


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


def _check_types_are_for_features(config: Normalize, made: set[str]) -> None:
    for name, own in config.columns.items():
        if own.type is not None and name not in config.features and name not in made:
            raise UserError(
                f"normalize.columns.{name}.type: is for features that are computed here; the type of a column of the "
                f"data is written as ingest.columns: {{{name}: {{type: {own.type}}}}}"
            )


def _type_of(name: str, sql: str, types: Mapping[str, ColumnTypeName], pinned: ColumnTypeName | None) -> ColumnTypeName:
    """What the expression computes of columns of these types."""
    columns = parse(sql).columns
    if media := [column for column in columns if column_type(types[column]).is_media]:
        raise refusal(name, sql, f"uses {media[0]}, which holds files ({types[media[0]]}); take it out")
    dtypes = {column: column_type(types[column]).dtype for column in columns}
    # One row, with text where there may be some: polars says of some conversions only then that it has none.
    one_row = {column: "" if dtype == pl.String else None for column, dtype in dtypes.items()}
    dtype = values_of(pl.DataFrame([one_row], schema=dtypes), name, sql).dtype
    inferred = inferred_type(dtype)
    if inferred is None:
        raise refusal(name, sql, f"is {_no_type(dtype)}")
    return _given_or(inferred, pinned, name)


def _given_or(inferred: ColumnTypeName, given: ColumnTypeName | None, name: str) -> ColumnTypeName:
    """The type that the user gives, or that of the values."""
    if given == "timestamp" and inferred != "timestamp":
        # Guessed from the values, a format would be another one in other rows.
        raise UserError(
            f"normalize.columns.{name}.type: its values are of type {inferred}, which write a time in no known way; "
            "make one where they are computed, as strptime(COLUMN, '%d.%m.%Y') does, and take the type out"
        )
    return given or inferred


def _no_type(dtype: pl.DataType) -> str:
    """Why no column holds such values, and what to write in their place."""
    if isinstance(dtype, pl.Time):
        return "a time of day, which is no type of a column; take extract(hour from ...) of the timestamp"
    if isinstance(dtype, pl.List | pl.Array):
        return "a list, which is no type of a column; take one of its values, as split_part(COLUMN, ' ', 1) does"
    return f"{dtype}, which is no type of a column; cast it to double or varchar"
