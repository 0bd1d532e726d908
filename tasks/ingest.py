"""Stage ingest: the source's rows as a table of typed columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import polars as pl

from tasks import storage
from tasks.dataset import Column, Dataset, SourceRecord, read_dataset, write_dataset
from tasks.errors import UserError, did_you_mean
from tasks.params import ColumnTypeName, Ingest, Role, Task
from tasks.paths import Paths
from tasks.report import Report
from tasks.sources import source
from tasks.sources.base import Source
from tasks.survey import Survey, cast, infer_type, survey_parts

_FEW_CLASSES = 20
"""A target of at most so many distinct whole numbers names classes, unless the user says otherwise."""

_HEADER_HINT = ", or, when the first line names the columns and was taken for a row, set ingest.source.header to true"


def run(config: Ingest, paths: Paths) -> Report:
    """Reads the source twice, to learn its types and to write it; leaves raw/ and dataset.json.

    Raises UserError when the source cannot be read, has no rows, or the target is absent or says nothing.
    """
    rows = source(config.source, paths.project.root)
    found = survey_parts(rows.parts())
    dataset = describe(config, rows, found)
    typed = (_typed(part, dataset, found) for part in rows.parts())
    num_rows = storage.write_parts(paths.raw, regroup(typed, config.rows_per_part))
    if num_rows != dataset.num_rows:
        raise UserError(f"{rows.location}: changed while it was read; run again when nothing writes to it")
    write_dataset(paths.dataset, dataset)
    return report(paths)


def report(paths: Paths) -> Report:
    """What dataset.json says, in small."""
    dataset = read_dataset(paths.dataset)
    types = Counter(column.type for column in dataset.features)
    numbers = {
        "rows": dataset.num_rows,
        "columns": len(dataset.columns),
        "features": dict(sorted(types.items())),
        "target": dataset.target.name,
        "task": dataset.task,
    }
    return Report(stage="ingest", figure=f"{dataset.num_rows:,} rows", numbers=numbers)


def describe(config: Ingest, rows: Source, found: Mapping[str, Survey]) -> Dataset:
    """The types and roles of all columns, and the task, from what the rows say and what the user does."""
    if not any(seen.num_rows for seen in found.values()):
        raise UserError(f"{rows.location}: has no rows, at most a header; put the data there, or correct ingest.source")
    _check_names(config, rows, found)
    types = {name: _column_type(name, config, rows, seen) for name, seen in found.items()}
    target = config.target
    task = _task(config, types[target], found[target])
    types[target] = "number" if task == "regression" else "category"
    columns = tuple(Column(name=name, type=types[name], role=_role(name, config, rows)) for name in found)
    if not any(column.role == "feature" for column in columns):
        raise UserError(
            f"{rows.location}: no column is a feature, so there is nothing to learn from; correct ingest.columns"
        )
    record = SourceRecord(kind=rows.kind, location=rows.location, digest=rows.digest())
    return Dataset(columns=columns, task=task, num_rows=found[target].num_rows, source=record)


def regroup(parts: Iterable[pl.DataFrame], rows_per_part: int) -> Iterator[pl.DataFrame]:
    """The same rows in the same order, cut anew: each part but the last has `rows_per_part` rows."""
    pending: list[pl.DataFrame] = []
    for part in parts:
        pending.append(part)
        if sum(frame.height for frame in pending) < rows_per_part:
            continue
        table = pl.concat(pending)
        full = table.height - table.height % rows_per_part
        yield from (table.slice(start, rows_per_part) for start in range(0, full, rows_per_part))
        pending = [table.slice(full)]
    rest = [frame for frame in pending if frame.height]
    if rest:
        yield pl.concat(rest)


def _typed(part: pl.DataFrame, dataset: Dataset, found: Mapping[str, Survey]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            cast(part[column.name], column.type, found[column.name], column.role == "target")
            for column in dataset.columns
        ]
    )


def _check_names(config: Ingest, rows: Source, found: Mapping[str, Survey]) -> None:
    if config.target not in found:
        raise UserError(
            f"ingest.target: {rows.location} has no column {config.target}{did_you_mean(config.target, found)}; "
            f"correct the target{_HEADER_HINT if 'column_1' in found else ''}"
        )
    unknown = next((name for name in config.columns if name not in found), None)
    if unknown:
        raise UserError(
            f"ingest.columns: {rows.location} has no column {unknown}{did_you_mean(unknown, found)}; correct it"
        )
    for name, override in config.columns.items():
        if override.role and (name == config.target) != (override.role == "target"):
            raise UserError(
                f"ingest.columns.{name}.role: {override.role}, but ingest.target is {config.target}; "
                "the target, and no other column, has that role: correct one of the two"
            )


def _column_type(name: str, config: Ingest, rows: Source, seen: Survey) -> ColumnTypeName:
    override = config.columns.get(name)
    wanted = override.type if override and override.type else rows.types.get(name) or infer_type(seen)
    if seen.num_present and (wanted == "image") != seen.is_bytes:
        holds = "bytes, which only an image can be" if seen.is_bytes else "no bytes, which an image needs"
        raise UserError(f"ingest.columns.{name}.type: {wanted}, but the column holds {holds}; correct the type")
    return wanted


def _role(name: str, config: Ingest, rows: Source) -> Role:
    if name == config.target:
        return "target"
    if name == rows.split_column:
        return "split"
    override = config.columns.get(name)
    return override.role if override and override.role else "feature"


def _task(config: Ingest, target_type: ColumnTypeName, seen: Survey) -> Task:
    """What kind of answer the target asks for. Raises UserError when the target says nothing, or not that."""
    where = f"ingest.target: column {config.target}"
    if seen.num_present == 0:
        raise UserError(f"{where} has no value in any row; choose another target, or correct ingest.source.missing")
    if seen.num_distinct < 2:
        raise UserError(
            f"{where} has the same value in all rows, so there is nothing to predict; choose another target"
        )
    if config.task == "regression" or (
        config.task == "auto" and target_type == "number" and not _names_classes(config, seen)
    ):
        return _regression(where, seen)
    if not seen.could_be_classes:
        raise UserError(
            f"{where} holds too many or too long values to be classes; choose another target, or task: regression"
        )
    return _classification(where, config, seen.num_distinct)


def _names_classes(config: Ingest, seen: Survey) -> bool:
    """Whether a number target is rather a class: few whole numbers, and nobody said that it is a number."""
    override = config.columns.get(config.target)
    said = override is not None and override.type == "number"
    return seen.is_whole and seen.num_distinct <= _FEW_CLASSES and not said


def _regression(where: str, seen: Survey) -> Task:
    if not seen.is_number:
        raise UserError(f"{where} holds values that are no numbers; correct ingest.source.missing, or the task")
    return "regression"


def _classification(where: str, config: Ingest, num_classes: int) -> Task:
    if config.task == "binary" and num_classes != 2:
        raise UserError(f"{where} has {num_classes} classes, and ingest.task is binary; set it to multiclass or auto")
    if config.task == "multiclass":
        return "multiclass"
    return "binary" if num_classes == 2 else "multiclass"
