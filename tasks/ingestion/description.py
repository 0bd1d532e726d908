"""What a source's rows are: the types and roles of the columns, and the kind of answer that the target asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tasks.columns import TYPE_NAMES, column_type, inferred_type
from tasks.errors import UserError, did_you_mean
from tasks.ingestion.survey import Survey
from tasks.ingestion.units import given_format
from tasks.params.config import ColumnTypeName, Role, Task
from tasks.params.ingest import Ingest
from tasks.sources.base import NumberFormat, Source
from tasks.tables.dataset import Column, Dataset, SourceRecord
from tasks.tables.dialect import ColumnDialect
from tasks.tables.quarantine import OWN_COLUMNS

FEW_CLASSES = 20
"""A target of at most so many distinct whole numbers names classes, unless the user says otherwise."""

_HEADER_HINT = ", or, when the first line names the columns and was taken for a row, set ingest.source.header to true"


def describe(config: Ingest, rows: Source, surveys: Mapping[str, Survey], digest: str) -> Dataset:
    """The types and roles of all columns, and the task, from what the rows say and what the user does."""
    if not any(survey.num_rows for survey in surveys.values()):
        raise UserError(f"{rows.location}: has no rows, at most a header; put the data there, or correct ingest.source")
    # Before types: a target that is not there has none.
    _check_names(config, rows, surveys)
    types = types_of(config, rows, surveys)
    target = config.target
    task = _task(config, types[target], surveys[target])
    columns = tuple(
        Column(
            name=name,
            type=types[name],
            role=_role(name, config, rows),
            dialect=dialect_of(name, types[name], config, rows, survey),
        )
        for name, survey in surveys.items()
    )
    if not any(column.role == "feature" for column in columns):
        raise UserError(
            f"{rows.location}: no column is a feature, so there is nothing to learn from; correct ingest.columns"
        )
    record = SourceRecord(kind=rows.kind, location=rows.location, digest=digest)
    dataset = Dataset(columns=columns, task=task, num_rows=surveys[target].num_rows, source=record)
    # Asked for here, so that a weight which is none is said before any other stage has run.
    _ = dataset.weight
    return dataset


def types_of(config: Ingest, rows: Source, surveys: Mapping[str, Survey]) -> dict[str, ColumnTypeName]:
    """The type of every column. The target is a number or a category, whatever else its values could be."""
    types = {name: _type_of(name, config, rows, survey) for name, survey in surveys.items()}
    # Whatever it could be: an answer is a number or a class.
    if config.target in types:
        types[config.target] = (
            "number" if _is_regression(config, types[config.target], surveys[config.target]) else "category"
        )
    return types


def dialect_of(name: str, chosen: ColumnTypeName, config: Ingest, rows: Source, survey: Survey) -> ColumnDialect:
    """How the cells of a column are written: what the user says, and what was found out for all rows."""
    override, of_type = config.columns.get(name), column_type(chosen)
    own, given = (override.missing or (), override.format) if override else ((), None)
    is_text = survey.storage == "text"
    # Of cells that the source has typed, only the column's own marks count.
    missing = (*rows.missing, *(mark for mark in own if mark not in rows.missing)) if is_text else ("", *own)
    # Of words as well: numbers and times that are kept as text are written so, and by that split knows them.
    numbers = rows.numbers if is_text and not of_type.dtype.is_temporal() else NumberFormat()
    return ColumnDialect(
        missing=missing,
        decimal=numbers.decimal,
        thousands=numbers.thousands,
        format=given or (None if of_type.dtype.is_numeric() else survey.format),
        unit=given_format(override, numbers) if is_text else None,
    )


def _type_of(name: str, config: Ingest, rows: Source, survey: Survey) -> ColumnTypeName:
    """What the user says, else what the source says, else what the values look like."""
    override = config.columns.get(name)
    given = override.given_type if override else None
    chosen = given or rows.types.get(name) or inferred_type(survey)
    if survey.num_present and column_type(chosen).is_media != survey.is_bytes:
        media = " or ".join(name for name in TYPE_NAMES if column_type(name).is_media)
        holds = f"bytes, which only {media} can be" if survey.is_bytes else f"no bytes, which the type {chosen} needs"
        raise UserError(f"ingest.columns.{name}.type: {chosen}, but the column holds {holds}; correct the type")
    return chosen


def _check_names(config: Ingest, rows: Source, surveys: Mapping[str, Survey]) -> None:
    if config.target not in surveys:
        raise UserError(
            f"ingest.target: {rows.location} has no column {config.target}{did_you_mean(config.target, surveys)}; "
            f"correct the target{_HEADER_HINT if 'column_1' in surveys else ''}"
        )
    unknown = next((name for name in config.columns if name not in surveys), None)
    if unknown:
        raise UserError(
            f"ingest.columns: {rows.location} has no column {unknown}{did_you_mean(unknown, surveys)}; correct it"
        )
    check_own_names(surveys, rows.location)
    for name, override in config.columns.items():
        if override.role and (name == config.target) != (override.role == "target"):
            raise UserError(
                f"ingest.columns.{name}.role: {override.role}, but ingest.target is {config.target}; "
                "the target, and no other column, has that role: correct one of the two"
            )


def check_own_names(names: Iterable[str], location: str) -> None:
    """Refuses a column that the quarantine's own would replace without a word. Raises UserError."""
    taken = sorted({*OWN_COLUMNS} & {*names})
    if taken:
        raise UserError(
            f"{location}: column {taken[0]} has the name that a column of the quarantine has, which would replace it; "
            "rename it in the source"
        )


def _role(name: str, config: Ingest, rows: Source) -> Role:
    if name == config.target:
        return "target"
    # What the source made of its files is no user's column to give another role.
    if name == rows.split_column:
        return "split"
    override = config.columns.get(name)
    if override and override.role:
        return override.role
    return "id" if name in rows.id_columns else "feature"


def _task(config: Ingest, target_type: ColumnTypeName, survey: Survey) -> Task:
    """What kind of answer the target asks for. Raises UserError when the target says nothing, or not that."""
    where = f"ingest.target: column {config.target}"
    if survey.num_present == 0 and survey.num_unread:
        raise UserError(f"{where} holds values that are no numbers; correct ingest.source.missing, or the task")
    if survey.num_present == 0:
        raise UserError(f"{where} has no value in any row; choose another target, or correct ingest.source.missing")
    if survey.num_distinct < 2:
        raise UserError(
            f"{where} has the same value in all rows, so there is nothing to predict; choose another target"
        )
    if column_type(target_type).dtype.is_numeric():
        return _regression(where, survey)
    if not survey.could_be_classes:
        raise UserError(
            f"{where} holds too many or too long values to be classes; choose another target, or task: regression"
        )
    return _classification(config, survey.num_distinct)


def _is_regression(config: Ingest, inferred: ColumnTypeName, survey: Survey) -> bool:
    if config.task == "auto":
        return column_type(inferred).dtype.is_numeric() and not _names_classes(config, survey)
    return config.task == "regression"


def _names_classes(config: Ingest, survey: Survey) -> bool:
    """Whether a number target is rather a class: few whole numbers, and nobody said that it is a number."""
    override = config.columns.get(config.target)
    given = override.given_type if override else None
    is_declared = given is not None and column_type(given).dtype.is_numeric()
    return survey.is_whole and survey.num_distinct <= FEW_CLASSES and not is_declared


def _regression(where: str, survey: Survey) -> Task:
    if not survey.is_number:
        raise UserError(f"{where} holds values that are no numbers; correct ingest.source.missing, or the task")
    return "regression"


def _classification(config: Ingest, num_classes: int) -> Task:
    # More classes than two may be cells of a few rows, which the suite sets aside: clean knows what is left.
    if config.task != "auto":
        return "multiclass" if config.task == "multiclass" else "binary"
    return "binary" if num_classes == 2 else "multiclass"
