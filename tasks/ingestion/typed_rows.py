"""From a source's cells to typed columns, in one pass: types are planned from the first rows and checked on all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import polars as pl

from tasks.columns import column_type
from tasks.ingestion.description import dialect_of, types_of
from tasks.ingestion.survey import Survey, merge, survey, survey_and_read
from tasks.ingestion.units import given_format, source_numbers, without_units
from tasks.parallel import num_cores, prefetch
from tasks.params.config import ColumnTypeName
from tasks.params.ingest import Ingest
from tasks.sources.base import NumberFormat, Source
from tasks.tables.dialect import ColumnDialect
from tasks.tables.origins import OriginLog, UnreadCell


class PlanChanged(Exception):  # noqa: N818 (no error: the rows are read again)
    """Later rows say that columns are of other types than the first rows did."""


@dataclass(frozen=True, kw_only=True)
class ColumnReading:
    """How the cells of one column become values of `type`."""

    type: ColumnTypeName
    dialect: ColumnDialect
    whole: bool
    """Whole numbers lose their `.0`: class 1 is class 1."""

    is_given: bool = False
    """Whether the user says of what type the column is: then a cell that does not fit is a bad one."""

    @property
    def way(self) -> tuple[object, ...]:
        """What readings that leave the same values have in common: text and categories are read alike."""
        return (column_type(self.type).dtype, self.dialect.format, self.whole)


Plan = Mapping[str, ColumnReading]


def first_plan(config: Ingest, rows: Source, first: pl.DataFrame | None) -> Plan:
    """From the first batch of rows; None of a source without any."""
    if first is None:
        return {}
    cells = without_missing(first, config)
    return plan_of(config, rows, {values.name: survey_column(values, None, config, rows.numbers) for values in cells})


def plan_of(config: Ingest, rows: Source, surveys: Mapping[str, Survey]) -> Plan:
    """From what all rows say, or the first of them."""
    types = types_of(config, rows, surveys)
    return {name: _reading(name, types[name], config, rows, surveys[name]) for name in surveys}


@dataclass(kw_only=True)
class Typing:
    """One pass over the rows by a plan. `surveys` says at its end what all rows were."""

    config: Ingest
    rows: Source
    plan: Plan
    surveys: dict[str, Survey] = field(default_factory=dict)
    origins: OriginLog = field(default_factory=OriginLog)
    """Where the rows stand, and their cells that could not be read: to be taken as the rows are."""

    def parts(self) -> Iterator[pl.DataFrame]:
        """The rows in batches, typed as planned; columns side by side, on all cores."""
        # Threads are enough: polars lets go of Python's lock.
        with ThreadPoolExecutor(max_workers=num_cores()) as pool:
            for part, origins in prefetch(self.rows.located_parts()):
                cells = without_missing(part, self.config)
                typed = list(pool.map(self._column, cells))
                # All columns of a part are read before any survey is merged: the threads read what nobody writes.
                for column in typed:
                    known = self.surveys.get(column.values.name)
                    self.surveys[column.values.name] = merge(known, column.survey) if known else column.survey
                self.origins.add(origins, [cell for column in typed for cell in column.unread])
                # By a mapping: polars calls a nameless series of a list by its place.
                yield pl.DataFrame({column.values.name: column.values for column in typed})

    def check(self, plan: Plan, config: Ingest) -> None:
        """Raises PlanChanged when all rows ask for another plan, or other units, than those that were followed."""
        if config != self.config:
            raise PlanChanged
        # By what changes values: text that turns out to be a category needs no second pass.
        if {name: reading.way for name, reading in plan.items()} != {
            name: reading.way for name, reading in self.plan.items()
        }:
            raise PlanChanged

    def _column(self, cells: pl.Series) -> ColumnRead:
        return read_column(cells, self.plan[cells.name], self.surveys.get(cells.name), self.rows.numbers)


@dataclass(frozen=True, kw_only=True)
class ColumnRead:
    """One column of a batch: what its cells are, its values, and the cells that are none of its type."""

    survey: Survey
    values: pl.Series
    unread: tuple[UnreadCell, ...] = ()


def read_column(cells: pl.Series, reading: ColumnReading, known: Survey | None, numbers: NumberFormat) -> ColumnRead:
    """The cells as `reading` says. Where the user gave the type, cells that do not fit it say nothing of the column."""
    column_survey, read = survey_and_read(cells, known, numbers)
    is_typed = read is not None and read.dtype == column_type(reading.type).dtype
    # The survey read them already, in the same way: reading is most of the work.
    if read is not None and is_typed and reading.dialect.format in (None, column_survey.format):
        return ColumnRead(survey=column_survey, values=read)
    values = _read(cells, read, reading)
    if not reading.is_given or values.null_count() == cells.null_count():
        return ColumnRead(survey=column_survey, values=values)
    is_unread = column_type(reading.type).is_unread(cells, values)
    unread = tuple(
        UnreadCell(row=row, column=cells.name, cell=str(cells[row])) for row in is_unread.arg_true().to_list()
    )
    # One bad cell among numbers would else make them words, and the next plan another one.
    column_survey = survey(cells.set(is_unread, None), known, numbers)
    return ColumnRead(survey=replace(column_survey, num_unread=len(unread)), values=values, unread=unread)


def survey_column(cells: pl.Series, known: Survey | None, config: Ingest, numbers: NumberFormat) -> Survey:
    """What the cells of a column say, but for those that do not fit the type that the user gave."""
    reading = given_reading(cells.name, config, numbers)
    return read_column(cells, reading, known, numbers).survey if reading else survey(cells, known, numbers)


def without_missing(part: pl.DataFrame, config: Ingest) -> pl.DataFrame:
    """Cells that stand for a missing value in their column alone, as missing; numbers without their units."""
    numbers = source_numbers(config.source)
    changed = [
        ColumnDialect(missing=override.missing, unit=given_format(override, numbers)).without_missing(part[name])
        for name, override in config.columns.items()
        if override.missing and name in part.columns
    ]
    return without_units(part.with_columns(changed) if changed else part, config)


def _reading(name: str, chosen: ColumnTypeName, config: Ingest, rows: Source, column_survey: Survey) -> ColumnReading:
    return ColumnReading(
        type=chosen,
        dialect=dialect_of(name, chosen, config, rows, column_survey),
        whole=name == config.target
        and not column_type(chosen).dtype.is_numeric()
        and column_survey.storage == "text"
        and column_survey.is_whole
        and column_survey.is_exact,
        is_given=given_reading(name, config, rows.numbers) is not None,
    )


def given_reading(name: str, config: Ingest, numbers: NumberFormat) -> ColumnReading | None:
    """How params.yaml alone says that the column is read; the type of a target follows from the task."""
    override = config.columns.get(name)
    chosen = override.given_type if override else None
    if name == config.target and config.task != "auto":
        chosen = "number" if config.task == "regression" else "category"
    if chosen is None:
        return None
    written = ColumnDialect(
        decimal=numbers.decimal, thousands=numbers.thousands, format=override.format if override else None
    )
    return ColumnReading(type=chosen, dialect=written, whole=False, is_given=True)


def _read(cells: pl.Series, read: pl.Series | None, reading: ColumnReading) -> pl.Series:
    """The cells as values of their type; what does not fit is missing."""
    # Through numbers, as the text may be 1, 1.0 or 1e0.
    if reading.whole:
        cells = column_type("number").cast(cells) if read is None else read
    return column_type(reading.type).read(cells, reading.dialect)
