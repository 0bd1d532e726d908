"""Columns that write numbers in their own way, such as with a currency around them: read as the numbers they are."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from tasks.ingestion.survey import Survey
from tasks.params.ingest import ColumnOverride, Ingest
from tasks.params.sources import Source as SourceParams
from tasks.params.sources import TableSource, UrlSource
from tasks.repair.units import UnitFormat, numbers_with_unit, unit_format, with_one_unit, with_unit
from tasks.sources.base import NumberFormat

_HEAD = 10_000
"""Cells that tell of the unit: next to no column of numbers has one, and each of them is asked."""

Units = Mapping[str, Mapping[str, str]]
"""The settings `unit`, `decimal` and `thousands` of columns, by name."""


def units_of(config: Ingest, first: pl.DataFrame | None) -> Units:
    """The units of the columns in which nobody gave them, and the first rows tell them."""
    numbers = source_numbers(config.source)
    units = {}
    for cells in () if first is None else first:
        override = config.columns.get(cells.name, ColumnOverride())
        if cells.dtype == pl.String and not override.writes_its_own_way and override.type in (None, "number"):
            present = without(cells, override.missing or ())
            # Where it is said that these are numbers, other cells are bad ones; else they say that it is text.
            is_number = _is_number(cells.name, config)
            written = unit_in(present, numbers) if is_number else unit_format(present, numbers.decimal)
            if written is not None:
                units[cells.name] = settings_of(written)
    return units


def with_units(config: Ingest, units: Units) -> Ingest:
    """The settings with these units besides."""
    overrides = {name: config.columns.get(name, ColumnOverride()) for name in units}
    completed = {name: override.model_copy(update=units[name]) for name, override in overrides.items()}
    return config.model_copy(update={"columns": {**config.columns, **completed}})


def with_fitting_units(config: Ingest, given: Ingest, surveys: Mapping[str, Survey]) -> Ingest:
    """`config` without the units that nobody gave and that, as all rows say, are not those of the whole column."""
    columns = {
        name: override
        for name, override in config.columns.items()
        if override == given.columns.get(name) or _is_number(name, given) or not surveys[name].num_unread
    }
    unfit = {name: given.columns[name] for name in given.columns if name not in columns}
    return config if len(columns) == len(config.columns) else config.model_copy(update={"columns": columns | unfit})


def _is_number(name: str, given: Ingest) -> bool:
    override = given.columns.get(name)
    return bool(override and override.given_type == "number") or (name == given.target and given.task == "regression")


def unit_in(cells: pl.Series, numbers: NumberFormat) -> UnitFormat | None:
    """How these cells write numbers with a unit, a few others among them aside; None when they write no such."""
    if cells.dtype != pl.String:
        return None
    head = cells.drop_nulls().head(_HEAD)
    return unit_format(with_one_unit(head.filter(head.str.contains(r"\d"))), numbers.decimal)


def settings_of(written: UnitFormat) -> dict[str, str]:
    """The same as settings of the column."""
    return {
        **({"unit": unit} if (unit := written.before or written.after) else {}),
        "decimal": written.decimal,
        **({"thousands": written.thousands} if written.thousands else {}),
    }


def given_format(override: ColumnOverride | None, numbers: NumberFormat) -> UnitFormat | None:
    """How the column writes numbers, when it is a way of its own; what it does not say is as the source has it."""
    if override is None or not override.writes_its_own_way:
        return None
    # What sets thousands apart for the source may be this column's decimal sign.
    thousands = override.thousands or (numbers.thousands if override.decimal in (None, numbers.decimal) else None)
    return with_unit(override.unit or "", override.decimal or numbers.decimal, thousands)


def without_units(part: pl.DataFrame, config: Ingest) -> pl.DataFrame:
    """Numbers that a column writes in its own way, as the source writes numbers; other cells as they are."""
    numbers = source_numbers(config.source)
    formats = {
        name: given_format(override, numbers) for name, override in config.columns.items() if _is_number(name, config)
    }
    plain = [plain_numbers(part[name], of, numbers) for name, of in formats.items() if of and name in part.columns]
    return part.with_columns(plain) if plain else part


def plain_numbers(cells: pl.Series, written: UnitFormat, numbers: NumberFormat) -> pl.Series:
    """Cells that are numbers written so, as `numbers` are; all others as they are."""
    if cells.dtype != pl.String:
        return cells
    plain = numbers_with_unit(cells, written).cast(pl.String)
    return plain.str.replace(".", numbers.decimal, literal=True).fill_null(cells)


def source_numbers(source: SourceParams) -> NumberFormat:
    """How the source writes numbers, by its settings."""
    match source:
        case TableSource():
            return NumberFormat(decimal=source.decimal, thousands=source.thousands)
        case UrlSource(content=TableSource() as content):
            return source_numbers(content)
        case _:
            return NumberFormat()


def without(cells: pl.Series, missing: tuple[str, ...]) -> pl.Series:
    """The cells that are there, but for those that stand for a missing value."""
    return cells.filter(~cells.is_in(list(missing))) if cells.dtype == pl.String else cells
