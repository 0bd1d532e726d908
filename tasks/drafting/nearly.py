"""Columns that are nearly numbers or dates: their few other cells count as missing, and are told with their lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import polars as pl

from tasks.columns import column_type
from tasks.columns.timestamp.formats import FORMATS, parse
from tasks.drafting.column_statistics import as_numbers
from tasks.drafting.findings import Finding, Kind, listed
from tasks.drafting.profile import SourceProfile
from tasks.params.config import ColumnTypeName
from tasks.repair.units import NEARLY_ALL
from tasks.sources.base import NumberFormat, Source
from tasks.wording import counted

_FEWEST = 10
"""Numbers or dates below which a column is rather one of words."""
_MOST_STRAYS = 10
"""Different cells: of more, a list in params.yaml says nothing any more."""
_MOSTLY = 0.75
"""Share of numbers or dates from which it is told that the others make words of all."""
_HEAD = 200
_LONGEST_DATE = 40
_SEVERAL = 2
"""Columns whose strays stand in one line, before that line is a header or one of units."""


def likely_formats(profile: SourceProfile) -> Mapping[str, str]:
    """How the dates of columns are written that hold hardly anything else."""
    formats = {}
    for name, survey in profile.surveys.items():
        written = survey.format or (None if survey.is_number else _nearest_format(profile.sample[name]))
        if survey.storage == "text" and written:
            formats[name] = written
    return formats


def stray_cells(profile: SourceProfile, name: str) -> dict[str, int]:
    """The cells of a column of numbers or dates that are neither, with the rows of each; none where these are many."""
    state = profile.columns[name]
    if state.num_numbers >= NEARLY_ALL * state.num_present:
        strays, num_others = dict(state.non_numeric or {}), state.num_numbers
        if _are_codes(profile.sample[name], strays):
            return {}
    else:
        strays = dict(state.off_format or {}) or _off_format(profile.sample[name])
        num_others = state.num_present - sum(strays.values())
    is_few = num_others >= _FEWEST and num_others >= NEARLY_ALL * state.num_present
    return strays if is_few and len(strays) <= _MOST_STRAYS else {}


@dataclass(frozen=True, kw_only=True)
class Strays:
    """What is told of one column: its cells with their rows, and where each stands first."""

    column: str
    cells: Mapping[str, int]
    places: Mapping[str, str]
    num_present: int
    is_number: bool

    @property
    def first_place(self) -> str:
        return next(iter(self.places.values()), "")


def describe_strays(strays: Iterable[Strays]) -> list[Finding]:
    """A finding for each column, but one for a line that has strays in several: a second header, or units."""
    by_line: dict[str, list[Strays]] = {}
    others: list[Strays] = []
    for of_column in strays:
        is_single = sum(of_column.cells.values()) == 1
        (by_line.setdefault(of_column.first_place, []) if is_single else others).append(of_column)
    findings = []
    for place, together in by_line.items():
        if len(together) >= _SEVERAL and place:
            findings += [_of_line(place, together), *map(_as_missing, together)]
        else:
            others += together
    return findings + [_of_column(of_column) for of_column in others]


def describe_mostly(profile: SourceProfile, rows: Source, types: Mapping[str, ColumnTypeName]) -> list[Finding]:
    """Columns of words that are mostly numbers or dates: their other cells are too many to count as missing."""
    others = {
        name: strays
        for name, kind in types.items()
        if profile.dtypes[name] == pl.String
        and not (column_type(kind).dtype.is_numeric() or column_type(kind).dtype.is_temporal())
        and (strays := _other_cells(profile, name, rows.numbers))
    }
    places = first_places(rows, {name: [next(iter(strays.cells))] for name, strays in others.items()}) if others else {}
    return [_of_words(name, strays, places[name], profile.num_rows) for name, strays in others.items()]


@dataclass(frozen=True, kw_only=True)
class OtherCells:
    """Cells of a column that are not what most are, with their rows in the sample; and how many rows are right."""

    cells: Mapping[str, int]
    num_right: int
    num_present: int
    right: ColumnTypeName


def _other_cells(profile: SourceProfile, name: str, numbers: NumberFormat) -> OtherCells | None:
    """None where too few cells are numbers or dates, or all are, or the others say that the numbers are codes."""
    state, values = profile.columns[name], profile.sample[name].drop_nulls()
    if state.num_numbers >= max(_FEWEST, _MOSTLY * state.num_present):
        read, num_right = as_numbers(values, numbers), state.num_numbers
        right: ColumnTypeName = "number"
    elif written := _nearest_format(values):
        read = parse(values, written)
        num_right = round((1 - read.null_count() / len(values)) * state.num_present)
        right = "timestamp"
    else:
        return None
    assert read is not None
    cells = _counted(values.filter(read.is_null()))
    is_code = right == "number" and _are_codes(values, cells)
    if is_code or not cells:
        return None
    return OtherCells(cells=cells, num_right=num_right, num_present=state.num_present, right=right)


def _of_words(name: str, others: OtherCells, places: Mapping[str, str], num_rows: int) -> Finding:
    cell, place = next(iter(places.items()))
    num_others = others.num_present - others.num_right
    # A quarter more: rows of one kind come together.
    limit = round(min(0.99, 1.25 * num_others / num_rows + 0.01), 2)
    message = (
        f"{name} is a {others.right} in {others.num_right:,} of {others.num_present:,} rows; the {num_others:,} "
        f"others, such as `{cell}` (first {place}), make words of all. Put them right, or write {name}: {{type: "
        f"{others.right}}} and validate: {{max_quarantined: {limit}}} to set them aside; the suite takes over the type "
        "by `modelwright expect NAME --write --retype`."
    )
    kind: Kind = "nearly_numbers" if others.right == "number" else "nearly_dates"
    return Finding(kind=kind, columns=(name,), message=message)


def first_places(rows: Source, cells: Mapping[str, Iterable[str]]) -> dict[str, dict[str, str]]:
    """Where each of the cells stands first, by column; reads until all have been met."""
    left = {name: set(of_column) for name, of_column in cells.items()}
    places: dict[str, dict[str, str]] = {name: {} for name in cells}
    for part, origins in rows.located_parts():
        for name, wanted in left.items():
            values = part[name].cast(pl.String)
            for row in values.is_in(list(wanted)).fill_null(value=False).arg_true().to_list():
                if values[row] in wanted:
                    places[name][values[row]] = origins.place(row)
                    wanted.discard(values[row])
        if not any(left.values()):
            break
    return places


def with_places(findings: Iterable[Finding], rows: Source) -> list[Finding]:
    """The findings, those that name cells with the first place of each."""
    findings = list(findings)
    cells = {finding.columns[0]: finding.cells for finding in findings if finding.cells}
    places = first_places(rows, cells) if cells else {}
    return [_with_places(finding, places[finding.columns[0]]) if finding.cells else finding for finding in findings]


def _with_places(finding: Finding, places: Mapping[str, str]) -> Finding:
    cells = listed(f"`{cell}` at {place}" for cell, place in places.items())
    return replace(finding, message=f"{finding.message} First: {cells}.") if cells else finding


def _of_column(strays: Strays) -> Finding:
    kind: Kind = "nearly_numbers" if strays.is_number else "nearly_dates"
    right = "number" if strays.is_number else "timestamp"
    num_right = strays.num_present - sum(strays.cells.values())
    cells = listed(
        f"`{cell}` ({counted(count, 'row')}, first {strays.places[cell]})" for cell, count in strays.cells.items()
    )
    name = strays.column
    message = (
        f"{name} is a {right} in {num_right:,} of {strays.num_present:,} rows; the others hold {cells}: they count as "
        f"missing. Take `missing` out of {name}: {{type: {right}, ...}} to set such rows aside instead, or write "
        f"{name}: {{type: category}} to read all cells as words."
    )
    return Finding(kind=kind, columns=(strays.column,), message=message, missing=tuple(strays.cells))


def _of_line(place: str, together: list[Strays]) -> Finding:
    cells = listed(f"{strays.column} `{next(iter(strays.cells))}`" for strays in together)
    message = (
        f"{place} has no values in columns of numbers or dates: {cells}. Is it a second header, or one of units? These "
        "cells count as missing; better take the line out of the source."
    )
    columns = tuple(strays.column for strays in together)
    return Finding(kind="second_header", columns=columns, message=message)


def _as_missing(strays: Strays) -> Finding:
    cells = tuple(strays.cells)
    message = f"{listed(f'`{cell}`' for cell in cells)} counts as missing in {strays.column}."
    return Finding(kind="missing", columns=(strays.column,), message=message, missing=cells)


def _are_codes(values: pl.Series, strays: Mapping[str, int]) -> bool:
    """Whether letters belong to what seem to be numbers: 85123 and 85123A, 0012 and A012."""
    numbers = as_numbers(values, NumberFormat())
    if numbers is None or not strays:
        return False
    written = values.filter(numbers.is_not_null()).str.strip_chars()
    if written.str.contains(r"^[+-]?0\d").any():
        return True
    # Of one length, as codes are, and the strays with letters and digits and nothing else.
    lengths = written.str.len_chars().unique()
    is_like = all(re.fullmatch(r"(?=.*\d)[A-Za-z0-9]+", cell.strip()) for cell in strays)
    return is_like and len(lengths) == 1 and written.str.contains(r"^\d{3,}$").all()


def _nearest_format(values: pl.Series) -> str | None:
    """The format that nearly all of the first values are written in."""
    head = values.drop_nulls().head(_HEAD)
    is_likely = len(head) >= _FEWEST and head.dtype == pl.String
    # Seventy formats are tried: on columns of words that would be lost time.
    if not is_likely or head.str.contains(r"^\s*\w{1,9}\W").mean() < NEARLY_ALL or _longest(head) > _LONGEST_DATE:  # type: ignore[operator]
        return None
    best = min(FORMATS, key=lambda written: parse(head, written).null_count())
    return best if parse(head, best).null_count() <= (1 - NEARLY_ALL) * len(head) else None


def _longest(values: pl.Series) -> float:
    # Of nine in ten: a stray may be a sentence.
    return float(values.str.len_chars().quantile(NEARLY_ALL) or 0)


def _off_format(values: pl.Series) -> dict[str, int]:
    """What is not written as nearly all of the sample is."""
    written = _nearest_format(values)
    if written is None:
        return {}
    return _counted(values.filter(values.is_not_null() & parse(values, written).is_null()))


def _counted(cells: pl.Series) -> dict[str, int]:
    """Each cell with its rows, the most frequent first."""
    return dict(cells.alias("value").value_counts().sort("count", "value", descending=[True, False]).iter_rows())
