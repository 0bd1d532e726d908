"""The log of answers: a Parquet file for each batch, by the version that answered, and how it is read again.

A row has `time` (UTC), `row_key`, `group_key`, `weight` where the training rows have one, `request_id`, `latency_ms` of
its request, `error` (the rule by which it was not answered), `sample` (the share of rows that was kept when it was),
and two structs: `row`, the values that the model was asked with, and `answer`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from tasks import files
from tasks.cleaning.personal.protection import masked
from tasks.columns import column_type
from tasks.errors import UserError, did_you_mean
from tasks.params.monitor import Monitor
from tasks.params.pipeline import Pipeline
from tasks.paths import Paths, Project
from tasks.prediction_log.as_trained import known_columns, typed
from tasks.prediction_log.places import predictions_folder, row_key_secret, version_folder
from tasks.prediction_log.row_keys import RowKey, row_secret, sampled
from tasks.tables.dataset import Dataset
from tasks.tracking.packed_model import asked_columns

if TYPE_CHECKING:
    from tasks.tracking.registered import RegisteredModel

_HASH_KEY = "MODELWRIGHT_HASH_KEY"


@dataclass(frozen=True, kw_only=True)
class AnsweredBatch:
    """Rows that were asked together, `rows` [N] as the source writes them, or typed.

    `answers` has a row for each of `answered`, which are row numbers; `refused` has the rule of the others.
    `latency_ms` is how long the request took, where somebody waited for it. Of rows of several requests, `time`,
    `request_id` and `latency_ms` have a value for each row, [N], all of one day. `values` [N] are the columns as they
    were read, typed, where that was done otherwise than ingest reads `rows`.
    """

    rows: pl.DataFrame
    answers: pl.DataFrame | None
    answered: Sequence[int]
    refused: Mapping[int, str]
    time: datetime | Sequence[datetime]
    request_id: str | Sequence[str]
    latency_ms: float | Sequence[float | None] | None = None
    values: pl.DataFrame | None = None

    @property
    def day(self) -> date:
        """That of its rows, in UTC."""
        return (self.time if isinstance(self.time, datetime) else self.time[0]).date()


@dataclass(frozen=True, kw_only=True)
class PredictionLog:
    """Where a version's answers are kept, and how: `columns` of the rows, of which `masked` show their form alone."""

    folder: Path
    key: RowKey
    columns: Dataset
    masked: frozenset[str]
    sample: float = 1.0

    def append(self, batch: AnsweredBatch, name: str) -> int:
        """Writes the batch as one file, whole or not at all; returns how many of its rows are kept.

        `name` is the batch's own: one that is there already is not written again, so that a run which goes on where
        another was killed logs nothing twice.
        """
        if next(self.folder.glob(f"*_{name}.parquet"), None) is not None:
            return 0
        rows = self._rows(batch)
        kept = rows.filter(pl.Series(sampled(rows["row_key"], self.sample)))
        if kept.height:
            with files.aside(self.folder / f"{batch.day}_{name}.parquet") as draft:
                kept.write_parquet(draft, compression="zstd")
        return kept.height

    def _rows(self, batch: AnsweredBatch) -> pl.DataFrame:
        rows = batch.rows
        read = rows if batch.values is None else batch.values
        columns = tuple(column for column in self.columns.columns if column.name in read.columns)
        values = typed(read, self.columns.model_copy(update={"columns": columns}))
        values = values.with_columns(masked(values[name]) for name in values.columns if name in self.masked)
        errors = [batch.refused.get(number) for number in range(rows.height)]
        return pl.DataFrame(
            [
                _by_row("time", batch.time, rows.height, pl.Datetime("us")),
                self.key.of(rows),
                self.key.of_groups(rows),
                *self._weights(rows),
                _by_row("request_id", batch.request_id, rows.height, pl.String()),
                _by_row("latency_ms", batch.latency_ms, rows.height, pl.Float64()),
                pl.Series("error", errors, dtype=pl.String),
                pl.repeat(self.sample, rows.height, dtype=pl.Float64, eager=True).alias("sample"),
                # Of pictures alone nothing is kept, and polars makes no struct of nothing.
                *([values.to_struct("row")] if values.width else []),
                *_answers(batch),
            ]
        )

    def _weights(self, rows: pl.DataFrame) -> Iterator[pl.Series]:
        """How much each row counts, [N], of a model whose rows have weights; missing where they brought none."""
        weight = next((column for column in self.key.dataset.columns if column.role == "weight"), None)
        if weight is None:
            return
        known = self.key.dataset.model_copy(update={"columns": (weight,)})
        values = typed(rows, known)[weight.name] if weight.name in rows.columns else pl.Series([None] * rows.height)
        yield values.cast(pl.Float64).alias("weight")


def prediction_log(project: Project, model: RegisteredModel, settings: Pipeline | None) -> PredictionLog | None:
    """The log of this version, as the pipeline's block asks; None where it asks for none.

    What is past its retention is removed. Raises UserError where a column to be masked is none of the model's.
    """
    config = settings.monitor if settings else Monitor()
    if not config.log:
        return None
    columns = logged_columns(model)
    paths = project.pipeline(model.name)
    _check_masked(config.mask, columns, project)
    remove_expired(predictions_folder(paths), config.retention_days, datetime.now(UTC).replace(tzinfo=None))
    return PredictionLog(
        folder=version_folder(paths, model.version),
        key=row_key_of(project, model),
        columns=columns,
        masked=frozenset({*config.mask, *personal_columns(paths, model)}),
        sample=config.sample,
    )


def logged_columns(model: RegisteredModel) -> Dataset:
    """The columns that the model asks for, typed as it reads them; images and sounds are too large to be kept."""
    everything, asked = _all_columns(model), asked_columns(model.packed, model.shown)
    small = tuple(
        column for column in everything.features if column.name in asked and not column_type(column.type).is_media
    )
    return everything.model_copy(update={"columns": small})


def _all_columns(model: RegisteredModel) -> Dataset:
    """Raises UserError for a version that somebody else registered: nobody knows what its columns are."""
    passport = model.passport or {}
    names = [column["name"] for column in passport.get("columns", ())]
    everything = known_columns(passport, names, {})
    if everything is None:
        raise UserError(
            f"{model.shown}: has no passport, which says what its columns are; log and watch a version that stage "
            "register made"
        )
    return everything


def row_key_of(project: Project, model: RegisteredModel) -> RowKey:
    """How rows of this model become keys."""
    everything = _all_columns(model)
    cleaning = (model.passport or {}).get("parameters", {}).get("clean", {})
    variable = cleaning.get("personal", {}).get("hash_key", _HASH_KEY)
    return RowKey(
        ids=tuple(column.name for column in everything.columns if column.role == "id"),
        asked=tuple(asked_columns(model.packed, model.shown)),
        dataset=everything,
        secret=row_secret(variable, row_key_secret(project)),
    )


def personal_columns(paths: Paths, model: RegisteredModel) -> list[str]:
    """Columns that clean has found to look personal, and those that params.yaml treats as such."""
    cleaning = (model.passport or {}).get("parameters", {}).get("clean", {})
    treated = [name for name, column in cleaning.get("columns", {}).items() if column.get("personal")]
    report = files.read_json(paths.cleaning_report) if paths.cleaning_report.is_file() else {}
    return [*treated, *(entry["column"] for entry in report.get("personal", ()))]


def logged_rows(paths: Paths, version: int, begin: date, end: date) -> pl.DataFrame | None:
    """What a version answered on the days from `begin` up to and without `end`; None where it answered nothing."""
    days = [file for file in _files(version_folder(paths, version)) if f"{begin}" <= _day(file) < f"{end}"]
    return pl.concat([pl.read_parquet(file) for file in days], how="diagonal_relaxed") if days else None


def first_day(paths: Paths, version: int) -> date | None:
    """The first day of which answers of the version are kept."""
    days = [_day(file) for file in _files(version_folder(paths, version))]
    return date.fromisoformat(min(days)) if days else None


def logged_keys(paths: Paths) -> pl.Series:
    """The keys of all rows that are kept, of all versions, each once."""
    of_files = [
        pl.read_parquet(file, columns=["row_key"])["row_key"]
        for folder in sorted(predictions_folder(paths).glob("version=*"))
        for file in _files(folder)
    ]
    return pl.concat(of_files).unique() if of_files else pl.Series("row_key", [], dtype=pl.String)


def remove_expired(folder: Path, days: int | None, now: datetime) -> int:
    """Removes the files below a folder whose rows are all older than so many days; returns how many these were."""
    old = expired(folder, days, now)
    for file in old:
        files.remove(file)
    return len(old)


def expired(folder: Path, days: int | None, now: datetime) -> list[Path]:
    """The files below a folder whose rows are all older than so many days; none without days."""
    if days is None:
        return []
    least = f"{(now - timedelta(days=days)).date()}"
    return [file for file in sorted(folder.rglob("*.parquet")) if _day(file) < least]


def last_days(paths: Paths) -> dict[int, date]:
    """The last day of which answers are kept, by version."""
    folders = {folder.name.removeprefix("version="): folder for folder in predictions_folder(paths).glob("version=*")}
    days = {number: [_day(file) for file in _files(folder)] for number, folder in folders.items() if number.isdigit()}
    return {int(number): date.fromisoformat(max(of_version)) for number, of_version in days.items() if of_version}


def _files(folder: Path) -> Iterator[Path]:
    yield from sorted(folder.glob("*.parquet"))


def _day(file: Path) -> str:
    return file.name.partition("_")[0]


def _by_row(name: str, value: Any, num_rows: int, dtype: pl.DataType) -> pl.Series:
    """A value of the whole batch for each row, or each row's own, [N]."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return pl.Series(name, value, dtype=dtype)
    return pl.repeat(value, num_rows, dtype=dtype, eager=True).alias(name)


def _answers(batch: AnsweredBatch) -> Iterator[pl.Series]:
    """The answers as one struct a row; rows that were not answered have none."""
    if batch.answers is None:
        return
    places: list[Any] = [None] * batch.rows.height
    for place, row in enumerate(batch.answered):
        places[row] = place
    yield batch.answers.to_struct("answer").gather(pl.Series(places, dtype=pl.UInt32))


def _check_masked(names: Sequence[str], columns: Dataset, project: Project) -> None:
    known = [column.name for column in columns.columns]
    for name in names:
        if name not in known:
            raise UserError(
                f"{project.params}: monitor.mask names {name}, which the model does not ask for"
                f"{did_you_mean(name, known)}; name columns that it has, or take it out"
            )
