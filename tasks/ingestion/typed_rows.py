"""From a source's cells to typed columns, in one pass: types are planned from the first rows and checked on all."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import polars as pl

from tasks.columns import column_type
from tasks.columns.timestamp.formats import parse
from tasks.ingestion.description import types_of
from tasks.ingestion.survey import Survey, merge, survey, survey_and_read
from tasks.parallel import prefetch
from tasks.params.config import ColumnTypeName
from tasks.params.ingest import Ingest
from tasks.repair.number_text import plainly
from tasks.sources.base import NumberFormat, Source


class PlanChanged(Exception):  # noqa: N818 (no error: the rows are read again)
    """Later rows say that columns are of other types than the first rows did."""


@dataclass(frozen=True, kw_only=True)
class ColumnReading:
    """How the cells of one column become values of `type`."""

    type: ColumnTypeName
    format: str | None
    """Of timestamps in text."""

    whole: bool
    """Whole numbers lose their `.0`: class 1 is class 1."""

    @property
    def way(self) -> tuple[object, ...]:
        """What readings that leave the same values have in common: text and categories are read alike."""
        return (column_type(self.type).dtype, self.format, self.whole)


Plan = Mapping[str, ColumnReading]


def first_plan(config: Ingest, rows: Source) -> Plan:
    """From the first batch of rows."""
    first = next(rows.parts(), None)
    if first is None:
        return {}
    cells = without_missing(first, config)
    return plan_of(config, rows, {values.name: survey(values, None, rows.numbers) for values in cells})


def plan_of(config: Ingest, rows: Source, surveys: Mapping[str, Survey]) -> Plan:
    """From what all rows say, or the first of them."""
    types = types_of(config, rows, surveys)
    return {name: _reading(name, types[name], config, surveys[name]) for name in surveys}


@dataclass(kw_only=True)
class Typing:
    """One pass over the rows by a plan. `surveys` says at its end what all rows were."""

    config: Ingest
    rows: Source
    plan: Plan
    surveys: dict[str, Survey] = field(default_factory=dict)

    def parts(self) -> Iterator[pl.DataFrame]:
        """The rows in batches, typed as planned; columns side by side, on all cores."""
        # Threads are enough: polars lets go of Python's lock.
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            for part in prefetch(self.rows.parts()):
                cells = without_missing(part, self.config)
                typed = list(pool.map(self._column, cells))
                # All columns of a part are read before any survey is merged: the threads read what nobody writes.
                for column_survey, values in typed:
                    known = self.surveys.get(values.name)
                    self.surveys[values.name] = merge(known, column_survey) if known else column_survey
                yield pl.DataFrame([values for _, values in typed])

    def check(self, plan: Plan) -> None:
        """Raises PlanChanged when all rows ask for another plan than the one that was followed."""
        # By what changes values: text that turns out to be a category needs no second pass.
        if {name: reading.way for name, reading in plan.items()} != {
            name: reading.way for name, reading in self.plan.items()
        }:
            raise PlanChanged

    def _column(self, cells: pl.Series) -> tuple[Survey, pl.Series]:
        column_survey, read = survey_and_read(cells, self.surveys.get(cells.name), self.rows.numbers)
        reading = self.plan[cells.name]
        is_typed = read is not None and read.dtype == column_type(reading.type).dtype
        # The survey read them already, in the same way: reading is most of the work.
        if read is not None and is_typed and reading.format in (None, column_survey.format):
            return column_survey, read
        return column_survey, _read(cells, read, reading, self.rows.numbers)


def without_missing(part: pl.DataFrame, config: Ingest) -> pl.DataFrame:
    """Cells that stand for a missing value in their column alone, as missing."""
    sentinels = {name: override.missing for name, override in config.columns.items() if override.missing}
    changed = [_without(part[name], missing) for name, missing in sentinels.items() if name in part.columns]
    return part.with_columns(changed) if changed else part


def _without(values: pl.Series, missing: tuple[str, ...]) -> pl.Series:
    if values.dtype.is_numeric():
        # As numbers: -999 in params.yaml is -999.0 in the file.
        is_missing = values.is_in(pl.Series(missing).cast(pl.Float64, strict=False).cast(values.dtype, strict=False))
    elif values.dtype == pl.String:
        is_missing = values.is_in(list(missing))
    else:
        return values
    return values.set(is_missing, None)


def _reading(name: str, chosen: ColumnTypeName, config: Ingest, column_survey: Survey) -> ColumnReading:
    override = config.columns.get(name)
    given = override.format if override else None
    is_text, dtype = column_survey.storage == "text", column_type(chosen).dtype
    return ColumnReading(
        type=chosen,
        format=(given or column_survey.format) if dtype.is_temporal() and (is_text or given) else None,
        whole=name == config.target
        and not column_type(chosen).dtype.is_numeric()
        and is_text
        and column_survey.is_whole,
    )


def _read(cells: pl.Series, read: pl.Series | None, reading: ColumnReading, written: NumberFormat) -> pl.Series:
    """The cells as values of their type; what does not fit is missing."""
    if reading.format and cells.dtype not in (pl.Date, pl.Datetime):
        return parse(cells, reading.format)
    if column_type(reading.type).dtype.is_numeric() and cells.dtype == pl.String and written != NumberFormat():
        cells = plainly(cells, written.decimal, written.thousands)
    # Through numbers, as the text may be 1, 1.0 or 1e0.
    if reading.whole:
        cells = column_type("number").cast(cells) if read is None else read
    return column_type(reading.type).cast(cells)
