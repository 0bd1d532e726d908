"""A target whose numbers have a currency or a unit around them: read as the numbers that they are."""

from __future__ import annotations

import polars as pl

from tasks.params.ingest import ColumnOverride, Ingest
from tasks.params.sources import Source as SourceParams
from tasks.params.sources import TableSource, UrlSource
from tasks.repair.repair import InText, numbers_in_text
from tasks.repair.units import with_unit, written_in
from tasks.sources.base import NumberFormat, Source


def with_unit_of_target(config: Ingest, rows: Source) -> Ingest:
    """With the unit of the target, when it is to be a number, nobody gave its unit, and the first rows tell it."""
    override = config.columns.get(config.target, ColumnOverride())
    if config.task != "regression" or override.unit:
        return config
    first = next(rows.parts(), None)
    if first is None or config.target not in first.columns:
        return config
    written = unit_in(without(first[config.target], override.missing or ()))
    if written is None:
        return config
    completed = override.model_copy(update=settings_of(written))
    return config.model_copy(update={"columns": {**config.columns, config.target: completed}})


def unit_in(cells: pl.Series) -> InText | None:
    """How these cells write numbers with a unit, a few words for missing ones aside; None when they write no such."""
    if cells.dtype != pl.String:
        return None
    written = written_in(cells.filter(cells.str.contains(r"\d")))
    return None if written is None or written.ambiguous else written.how


def settings_of(written: InText) -> dict[str, str]:
    """The same as settings of the column."""
    return {
        "unit": written.before or written.after,
        "decimal": written.decimal,
        **({"thousands": written.thousands} if written.thousands else {}),
    }


def without_units(part: pl.DataFrame, config: Ingest) -> pl.DataFrame:
    """The target's numbers without their unit, written as the source writes numbers; other cells as they are."""
    override = config.columns.get(config.target)
    if override is None or not override.unit or config.target not in part.columns:
        return part
    numbers = source_numbers(config.source)
    written = with_unit(override.unit, override.decimal or numbers.decimal, override.thousands or numbers.thousands)
    return part.with_columns(plain_numbers(part[config.target], written, numbers))


def plain_numbers(cells: pl.Series, written: InText, numbers: NumberFormat) -> pl.Series:
    """Cells that are numbers written so, as `numbers` are; all others as they are."""
    if cells.dtype != pl.String:
        return cells
    plain = numbers_in_text(cells, written).cast(pl.String)
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
