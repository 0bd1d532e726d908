"""What the cells of a source alone do not settle: names that it lacks, titles, days that could be months, thousands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from tasks.columns import column_type
from tasks.columns.timestamp.formats import ambiguous
from tasks.drafting.findings import Finding, listed
from tasks.drafting.profile import SourceProfile
from tasks.params.config import ColumnTypeName
from tasks.repair.units import unit_formats
from tasks.sources.formats.number_format import are_thousands, could_be_thousands

_OTHER = {",": ".", ".": ","}
_CLOCK = r"^\s*\d{1,3}:[0-5]\d(:[0-5]\d([.,]\d+)?)?\s*$"
"""Up to three digits of hours: durations go beyond a day."""
_SIGNS = {",": "comma", ".": "point"}


def find_doubts(
    block: Mapping[str, Any], given: Mapping[str, Any], profiled: SourceProfile, types: Mapping[str, ColumnTypeName]
) -> list[Finding]:
    """What a person should look at before the data are read so; what they have `given` themselves is no doubt."""
    settings, known = content_of(block), content_of(given)
    return [
        *([] if "header" in known else _about_names(settings, profiled)),
        *([] if "skip_lines" in known else _about_titles(settings)),
        *([] if {"decimal", "thousands"} & {*known} else _about_numbers(settings, profiled)),
        *(finding for name in types for finding in _about_amounts(name, profiled.sample[name])),
        *(finding for name in types for finding in _about_clock_times(name, profiled.sample[name])),
        *_about_dates(profiled, types),
    ]


def content_of(block: Mapping[str, Any]) -> Mapping[str, Any]:
    """What says how rows are read: of a fetched file, the block of its content."""
    content: Mapping[str, Any] = block.get("content", block) if block["kind"] == "url" else block
    return content


def _about_names(settings: Mapping[str, Any], profiled: SourceProfile) -> list[Finding]:
    is_table = settings["kind"] == "table"
    if not is_table or any(name != f"column_{place}" for place, name in enumerate(profiled.columns, 1)):
        return []
    names = ", ".join(profiled.columns)
    message = (
        f"the first line names no columns, so they are called {names}; give better ones as ingest.source.names. "
        "If it does name them, write header: true (`init --set header=true`)."
    )
    return [Finding(kind="no_header", columns=(), message=message)]


def _about_titles(settings: Mapping[str, Any]) -> list[Finding]:
    num_above = settings.get("skip_lines")
    if not num_above:
        return []
    message = (
        f"{num_above} line{'s' * (num_above > 1)} above the names of the columns, taken for a title, "
        f"make{'s' * (num_above == 1)} no rows; if they should, write skip_lines: 0 (`init --set skip_lines=0`)."
    )
    return [Finding(kind="title", columns=(), message=message)]


def _about_numbers(settings: Mapping[str, Any], profiled: SourceProfile) -> list[Finding]:
    """Numbers such as 63,607, where no cell tells whether the sign stands before a fraction or between thousands."""
    decimal, thousands = settings.get("decimal", "."), settings.get("thousands")
    # Who writes fractions with a point and separates cells by commas writes programs' numbers.
    sign = thousands or (decimal if decimal == "," or settings.get("separator", ",") not in ",\t" else None)
    numbers = [name for name, survey in profiled.surveys.items() if survey.storage == "text" and survey.is_number]
    names = [name for name in numbers if sign and _could_be_either(profiled.sample[name], sign)]
    if not names or sign not in (",", "."):
        return []
    cell = next(cell for cell in profiled.sample[names[0]].drop_nulls() if sign in cell)
    other = f"--set decimal={sign}" if thousands else f"--set decimal={_OTHER[sign]} --set thousands={sign}"
    message = (
        f"{listed(names)}: no value tells whether the {_SIGNS[sign]} in {cell} stands before a fraction or between "
        f"thousands; it is read as {'thousands' if thousands else 'a fraction'}. If it is the other, `init {other}`."
    )
    return [Finding(kind="ambiguous_numbers", columns=tuple(names), message=message)]


def _could_be_either(values: pl.Series, sign: str) -> bool:
    cells = [cell.strip() for cell in values.drop_nulls().to_list()]
    return could_be_thousands(cells, sign) and not are_thousands(cells, sign)


def _about_amounts(name: str, cells: pl.Series) -> list[Finding]:
    formats = unit_formats(cells) if cells.dtype == pl.String else ()
    if len(formats) < 2:
        return []
    unit = formats[0].before or formats[0].after
    message = (
        f"{name} holds numbers with {unit}, such as {cells.drop_nulls()[0]}, and no value tells thousands from a "
        f'fraction: read as words. Write {name}: {{unit: {unit}, decimal: ",", thousands: "."}}, or decimal and '
        "thousands the other way round."
    )
    return [Finding(kind="ambiguous_amounts", columns=(name,), message=message)]


def _about_clock_times(name: str, cells: pl.Series) -> list[Finding]:
    """Times of day, or durations: no column type is theirs, and as words nothing is learnt of them."""
    present = cells.drop_nulls()
    is_clock = cells.dtype == pl.String and len(present) > 0 and present.str.contains(_CLOCK).all()
    if not is_clock:
        return []
    message = (
        f"{name} holds times of day or durations, such as {present[0]}, and is read as words; write them as numbers, "
        f"such as seconds, in the source, or leave them out: {name}: {{role: id}}."
    )
    return [Finding(kind="clock_times", columns=(name,), message=message)]


def _about_dates(profiled: SourceProfile, types: Mapping[str, ColumnTypeName]) -> list[Finding]:
    findings = []
    for name, kind in types.items():
        survey = profiled.surveys[name]
        if column_type(kind).dtype.is_temporal() and survey.storage == "text" and ambiguous(survey.formats):
            message = f"{name} is read as {survey.format}, but no value tells the day from the month."
            findings.append(
                Finding(kind="ambiguous_dates", columns=(name,), message=message, proposal='format: "%m/%d/%Y"')
            )
    return findings
