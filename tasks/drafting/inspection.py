"""Looks at a source: how it is written, first rows to learn what means "missing", then every row once."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from tasks.columns import column_type, inferred_type
from tasks.drafting.doubts import content_of, find_doubts
from tasks.drafting.findings import Finding
from tasks.drafting.location import Pointed
from tasks.drafting.missing import describe_tokens, find_tokens
from tasks.drafting.nearly import describe_mostly, likely_formats
from tasks.drafting.profile import Facts, ProfilePlan, SourceProfile, Tokens, facts, profile
from tasks.drafting.recordings import spectrogram_size
from tasks.drafting.stated import Stated
from tasks.drafting.totals import LastRow, find_total
from tasks.errors import UserError
from tasks.ingestion.units import plain_numbers, settings_of, unit_in
from tasks.params.config import ColumnTypeName
from tasks.repair.number_text import parsed
from tasks.repair.units import NEARLY_ALL, UnitFormat, numbers_with_unit, with_unit
from tasks.sources.base import NumberFormat, Place, Source
from tasks.sources.formats.number_format import find_number_format

# Most signs for a missing value show by then, and the pass over all rows need not be made again.
_FIRST_ROWS = 50_000
_FEW_ROWS = 1_000
_MOST_TRIED = 20
"""Damaged pictures at the start are for `validate` to say; so many of them in a row hide the size of the others."""
_MOST_PASSES = 3
"""A sign for "missing" that shows only late in the rows makes another pass; more of them than this do not come."""


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """A source, and what its rows say. `source` is its block with all settings that say how it is written."""

    source: Mapping[str, Any]
    location: str
    rows: Source
    facts: Facts
    findings: tuple[Finding, ...]
    id_columns: tuple[str, ...]
    split_column: str | None
    side: tuple[int, int] | None
    """Height and width of the first image, or of the spectrogram that nearly all sounds fit into."""
    opaque: tuple[str, ...] = ()
    """Columns of bytes that hold no picture and no sound."""
    pins: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Type and format of the columns by name, where the source does not say them itself."""
    stated: Stated = field(default_factory=Stated)

    @property
    def roles_of_source(self) -> dict[str, str]:
        """The roles of the columns that the source adds."""
        return {**dict.fromkeys(self.id_columns, "id"), **({self.split_column: "split"} if self.split_column else {})}


def inspect_source(
    pointed: Pointed, place: Place, target: str | None = None, stated: Stated | None = None
) -> Inspection:
    """Reads all rows. Raises UserError when they cannot be read, or there are none.

    A `target` that stands in the first line says that this line names the columns.
    """
    opened = _opened(pointed.source, place)
    # Before the block says the encoding, which then is no longer a guess.
    doubts = [Finding(kind="encoding", columns=(), message=doubt) for doubt in opened.doubts()]
    block = _with_settings(pointed.source, _settings(opened, content_of(pointed.source)))
    block = _with_header_naming(block, target, content_of(pointed.source), place)
    opened = _opened(block, place)
    is_table = content_of(block)["kind"] == "table"
    tokens, profiles = Tokens(), [profile(_first(opened.parts()), ProfilePlan(numbers=opened.numbers))]
    if not profiles[0].num_rows:
        raise UserError(f"{opened.location}: has no rows, at most a header; put the data there, or correct the path")
    writing = _unit_formats(profiles[0], target, opened.numbers)
    # Taking one sign for missing may make a column one of numbers, among which others show.
    for _ in range(_MOST_PASSES):
        tokens = find_tokens(profiles[-1], tokens, is_table)
        block = _with_missing(block, tokens)
        rows = _opened(block, place)
        profiles.append(
            profile(_written_plainly(rows, writing, last := LastRow()), _plan(profiles[-1], tokens, rows, writing))
        )
        if find_tokens(profiles[-1], tokens, is_table) == tokens:
            break
    types = {name: rows.types.get(name) or inferred_type(survey) for name, survey in profiles[-1].surveys.items()}
    stated = stated or Stated()
    types = stated.typed(types, profiles[-1].surveys, rows.location)
    return Inspection(
        source=block,
        location=rows.location,
        rows=rows,
        facts=facts(profiles[-1], types, rows.numbers),
        findings=(
            *doubts,
            *(Finding(kind="second_header", columns=(), message=remark) for remark in rows.remarks()),
            *describe_tokens(tokens, profiles, rows),
            *describe_mostly(profiles[-1], rows, types),
            *find_total(last, profiles[-1], content_of(block), rows.numbers),
            *find_doubts(block, pointed.source, profiles[-1], types),
        ),
        id_columns=tuple(rows.id_columns),
        split_column=rows.split_column,
        side=_picture_size(rows, types),
        opaque=_opaque(rows, types),
        pins=_pins(rows, profiles[-1], types, writing, stated),
        stated=stated,
    )


def _unit_formats(first: SourceProfile, target: str | None, numbers: NumberFormat) -> Mapping[str, UnitFormat]:
    """How columns write numbers in their own way: with a currency or a unit, or with other signs than the source's."""
    formats = {}
    others = [name for name, survey in first.surveys.items() if survey.storage == "text" and not survey.is_number]
    for name in others:
        cells = first.sample[name]
        written = unit_in(cells, numbers) or _own_format(cells, numbers)
        if written is None:
            continue
        # A price that is asked for may be missing in many words; among others they say that the column is one of words.
        num_numbers = numbers_with_unit(cells, written).count()
        if name == target or num_numbers >= NEARLY_ALL * cells.count():
            formats[name] = written
    return formats


def _own_format(values: pl.Series, numbers: NumberFormat) -> UnitFormat | None:
    """As in text cells of a spreadsheet, whose own numbers come as programs write them."""
    cells = [cell.strip() for cell in values.drop_nulls().head(_FEW_ROWS) if cell.strip()]
    if not cells or not any(map(str.isdigit, cells[0])):
        return None
    written = find_number_format([cells], ",", {})
    is_read = written != NumberFormat() or parsed(pl.Series(cells)) is not None
    return with_unit("", written.decimal, written.thousands) if is_read and written != numbers else None


def _written_plainly(rows: Source, writing: Mapping[str, UnitFormat], last: LastRow) -> Iterator[pl.DataFrame]:
    for part, origins in rows.located_parts():
        last.see(part, origins)
        plain = [plain_numbers(part[name], written, rows.numbers) for name, written in writing.items()]
        yield part.with_columns(plain) if plain else part


def _pins(
    rows: Source,
    profiled: SourceProfile,
    types: Mapping[str, ColumnTypeName],
    writing: Mapping[str, UnitFormat],
    stated: Stated,
) -> Mapping[str, Mapping[str, str]]:
    """What each column was found to be: from then on a cell that does not fit is a bad one, and changes no type."""
    pins: dict[str, Mapping[str, str]] = {}
    for name, kind in types.items():
        survey = profiled.surveys[name]
        # What the source knows or adds it says anew in every run. An empty column is pinned as well: a first cell in it
        # would else be a change of its type.
        is_known = (name in rows.types and name not in stated.types) or name in rows.id_columns
        if not is_known and (survey.num_present or not column_type(kind).is_media):
            is_written = column_type(kind).dtype.is_temporal() and survey.format is not None
            pins[name] = {
                "type": kind,
                **({"format": str(survey.format)} if is_written else {}),
                **(settings_of(writing[name]) if name in writing and survey.is_number else {}),
            }
    return pins


def _with_settings(block: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    if content_of(block) is block:
        return {**block, **settings}
    return {**block, "content": {**block["content"], **settings}}


def _opened(block: Mapping[str, Any], place: Place) -> Source:
    from pydantic import TypeAdapter

    from tasks.params.sources import Source as SourceParams
    from tasks.sources import source

    return source(TypeAdapter(SourceParams).validate_python(block), place)


def _settings(opened: Source, given: Mapping[str, Any]) -> dict[str, Any]:
    """What was found out and is not the default, or is good to see."""
    return {key: value for key, value in opened.settings().items() if key not in given}


def _with_header_naming(
    block: dict[str, Any], target: str | None, given: Mapping[str, Any], place: Place
) -> dict[str, Any]:
    """With the first line as header, when it was taken for a row and the target stands in it."""
    # Names that are given hold the target whatever the first line says.
    if target is None or {"header", "names"} & {*given} or content_of(block).get("header") is not False:
        return block
    headed = _with_settings(block, {"header": True})
    try:
        first = next(_opened(headed, place).parts(), None)
    # Such as a name that stands twice: as a header the line cannot be read.
    except UserError:
        return block
    return headed if first is not None and target in first.columns else block


def _first(parts: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    num_rows = 0
    for part in parts:
        yield part.head(_FIRST_ROWS - num_rows)
        num_rows += part.height
        if num_rows >= _FIRST_ROWS:
            return


def _with_missing(block: Mapping[str, Any], tokens: Tokens) -> dict[str, Any]:
    known = list(content_of(block).get("missing", [""]))
    cells = [*known, *(cell for cell in tokens.everywhere if cell not in known)]
    return _with_settings(block, {"missing": cells} if tokens.everywhere else {})


def _plan(profiled: SourceProfile, tokens: Tokens, rows: Source, writing: Collection[str]) -> ProfilePlan:
    """What the last pass spares the next: columns of words are not read as numbers, identifiers are not compared."""
    # Without a number in a hundred values, reading them as numbers is lost time, unless they have units (`writing`).
    words = [
        name
        for name, state in profiled.columns.items()
        if state.num_present > 100 and not state.num_numbers and name not in writing
    ]
    # Rows that are the same but for their number are the same row, entered twice.
    codes = [name for name in profiled.columns if profiled.num_rows > 20 and _names_rows(profiled, name)]
    return ProfilePlan(
        tokens=tokens,
        numbers=rows.numbers,
        words=words,
        formats=likely_formats(profiled),
        identifiers={*codes, *rows.id_columns},
    )


def _names_rows(profiled: SourceProfile, name: str) -> bool:
    """Whether each row has a whole number or a word of its own there: rows are compared without it."""
    if not profiled.columns[name].is_unique or profiled.dtypes[name] == pl.Binary:
        return False
    survey = profiled.surveys[name]
    return survey.is_whole or not (
        # Amounts and sentences may differ in each row and still be content.
        survey.is_number or profiled.sample[name].cast(pl.String).str.contains(r"\s").any() or survey.longest > 40
    )


def _opaque(rows: Source, types: Mapping[str, ColumnTypeName]) -> tuple[str, ...]:
    """The columns of bytes that hold no picture and no sound, as far as the first of them tell."""
    media = [name for name, kind in types.items() if column_type(kind).is_media and name not in rows.types]
    cells = {name: next(rows.parts())[name].drop_nulls().head(_MOST_TRIED) for name in media}
    return tuple(
        name
        for name, of_column in cells.items()
        if len(of_column)
        and not any(_shows_something(of_column[[place]], types[name]) for place in range(len(of_column)))
    )


def _shows_something(cell: pl.Series, kind: ColumnTypeName) -> bool:
    return column_type(kind).could_be(cell) or _side(cell[0]) is not None


def _picture_size(rows: Source, types: Mapping[str, ColumnTypeName]) -> tuple[int, int] | None:
    media = [name for name, kind in types.items() if column_type(kind).is_media]
    # The first is the one that the network reads.
    if media and types[media[0]] == "audio":
        return spectrogram_size(rows.parts(), media[0])
    return _first_side(rows, media)


def _first_side(rows: Source, media: list[str]) -> tuple[int, int] | None:
    """Height and width of the first image that can be read."""
    if not media:
        return None
    part = next(rows.parts())
    contents = (content for name in media for content in part[name].head(_MOST_TRIED).drop_nulls())
    return next(filter(None, map(_side, contents)), None)


def _side(content: bytes) -> tuple[int, int] | None:
    from io import BytesIO

    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(BytesIO(content)) as image:
            return image.height, image.width
    # Damaged pictures are `validate`'s to set aside; here the next one tells as much.
    except (UnidentifiedImageError, OSError):
        return None
