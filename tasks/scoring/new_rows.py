"""New rows, read as the model's training rows were: the source's cells part by part, and where each row stands."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import polars as pl
from pydantic import TypeAdapter

from tasks.errors import UserError
from tasks.parallel import prefetch
from tasks.params.sources import Source as SourceParams
from tasks.sources import source
from tasks.sources.base import BrokenLine, Place, Source
from tasks.tables.origins import OriginLog, PartOrigins
from tasks.tables.parts import regroup

_OF_THE_WRITING = (
    "separator",
    "quoting",
    "encoding",
    "header",
    "skip_lines",
    "names",
    "comment",
    "sheet",
)
"""How a file is written as a whole: new rows may come in a file that is written in another way."""

_OF_THE_CELLS = ("decimal", "thousands", "missing", "max_unpacked_mib", "content", "document", "encoding")
_NUM_NAMED = 10


@dataclass(frozen=True, kw_only=True)
class NewRows:
    """`names` are the columns of the source, `asked` those that the model answers by; both in their own order."""

    source: Source
    names: tuple[str, ...]
    asked: tuple[str, ...]
    broken: list[BrokenLine] = field(default_factory=list)
    """Lines that are no rows; complete when all parts were read."""

    def parts(self, rows_per_part: int) -> Iterator[tuple[pl.DataFrame, PartOrigins]]:
        """The rows as the source writes them, in parts that are the same every time."""
        log = OriginLog()
        self.broken.clear()
        self.source.keep_broken(self.broken.append)
        for part in prefetch(regroup(_logged(self.source, log), rows_per_part)):
            yield part, log.take(part.height)

    def unasked(self, known: Collection[str]) -> list[str]:
        """Columns that the model does not ask for, and that its training rows did not have."""
        return [name for name in self.names if name not in self.asked and name not in known]


def open_rows(
    block: Mapping[str, Any],
    trained: Mapping[str, Any] | None,
    asked: Sequence[str],
    place: Place,
    optional: Sequence[str] = (),
) -> NewRows:
    """The rows of `block`, written like those of `trained`, the source that the model learnt from; of columns that are
    `optional`, those that are there are asked as well.

    Raises UserError when it cannot be read, has no rows, or lacks columns that the model asks for.
    """
    as_trained = _with_settings(block, trained, (*_OF_THE_WRITING, *_OF_THE_CELLS))
    rows = _opened(as_trained, place)
    try:
        names = _names(rows)
        if _lacking(asked, names):
            rows, names = _written_otherwise(block, trained, asked, place) or (rows, names)
    except UserError:
        otherwise = _written_otherwise(block, trained, asked, place)
        if otherwise is None:
            raise
        rows, names = otherwise
    if names is None:
        raise UserError(f"{rows.location}: has no rows, at most a header; nothing was answered: give a file with rows")
    if missing := _lacking(asked, names):
        raise UserError(_missing_columns(rows.location, missing, names, asked))
    asked_too = [name for name in optional if name in names]
    return NewRows(source=rows, names=tuple(names), asked=(*asked, *asked_too))


def _written_otherwise(
    block: Mapping[str, Any], trained: Mapping[str, Any] | None, asked: Sequence[str], place: Place
) -> tuple[Source, list[str]] | None:
    """The rows, where they have the columns but another program wrote them: commas where there were semicolons, or a
    title above the names."""
    rows = _opened(_with_settings(block, trained, _OF_THE_CELLS), place)
    try:
        names = _names(rows)
    except UserError:
        return None
    return None if names is None or _lacking(asked, names) else (rows, names)


def check_chosen(columns: Sequence[str], names: Sequence[str], location: str) -> None:
    """Raises UserError for a column of `--columns` that the source does not have."""
    for column in columns:
        if column not in names:
            near = get_close_matches(column, names, n=1)
            hint = f"; did you mean {near[0]}?" if near else f"; it has {_listed(names)}"
            raise UserError(f"--columns: {location} has no column {column}{hint}")


def _with_settings(block: Mapping[str, Any], trained: Mapping[str, Any] | None, names: Iterable[str]) -> dict[str, Any]:
    """The block, and of the training source's settings those that are named, where both are of one kind."""
    trained = trained or {}
    if block["kind"] == "url":
        content = block.get("content")
        return {**block, **({"content": _with_settings(content, trained, names)} if content else {})}
    if trained.get("kind") == "url":
        trained = trained.get("content") or {}
    if trained.get("kind") != block["kind"]:
        return dict(block)
    # Those of today's classes: an earlier version may have had others.
    return {**{name: trained[name] for name in names if trained.get(name) is not None}, **block}


def _opened(block: Mapping[str, Any], place: Place) -> Source:
    config: SourceParams = TypeAdapter(SourceParams).validate_python(block)
    return source(config, place)


def _names(rows: Source) -> list[str] | None:
    """The columns; None of a source without rows."""
    # A line among the first that is no row is told when all are read.
    broken: list[BrokenLine] = []
    rows.keep_broken(broken.append)
    first = next((part for part in rows.parts() if part.height), None)
    if first is None and broken:
        raise UserError(
            f"{broken[0].place}: {broken[0].reason}, and so on: no line is a row of the table that the first "
            "line names; mend the file, or say how it is written, such as ingest.source.separator"
        )
    return None if first is None else first.columns


def _lacking(asked: Sequence[str], names: Sequence[str] | None) -> list[str]:
    return [] if names is None else [name for name in asked if name not in names]


def _logged(rows: Source, log: OriginLog) -> Iterator[pl.DataFrame]:
    for part, origins in rows.located_parts():
        log.add(origins, ())
        yield part


def _missing_columns(location: str, missing: Sequence[str], names: Sequence[str], asked: Sequence[str]) -> str:
    free = [name for name in names if name not in asked]
    near = {name: nearest for name in missing if (nearest := _nearest(name, free))}
    renamed = ", ".join(f"{new} to {name}" for name, new in near.items())
    others = [name for name in missing if name not in near]
    left = [name for name in free if name not in near.values()] or ["no other column"]
    cures = [f"rename {renamed}"] if near else []
    if others:
        cures.append(
            f"add {_listed(others)}, empty where nothing is known, or rename what is meant: it also has {_listed(left)}"
        )
    many = "s" if len(missing) > 1 else ""
    return (
        f"{location}: lacks the column{many} {_listed(missing)}, which the model was trained with; {'; '.join(cures)}"
    )


def _nearest(name: str, names: Sequence[str]) -> str | None:
    plain = {_plain(other): other for other in names}
    near = get_close_matches(_plain(name), plain, n=1, cutoff=0.7)
    return plain[near[0]] if near else None


def _plain(name: str) -> str:
    return "".join(sign for sign in name.casefold() if sign.isalnum())


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NUM_NAMED
    return ", ".join(names[:_NUM_NAMED]) + (f" and {more} more" if more > 0 else "")
