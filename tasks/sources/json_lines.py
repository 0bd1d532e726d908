"""Rows in a file of JSON lines: one object a line. Numbers stay as they are written, and become text like all else."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.errors import UserError
from tasks.sources.text import Text, open_text

if TYPE_CHECKING:
    import polars as pl

_BATCH = 16_384


@dataclass(frozen=True, kw_only=True)
class JsonLinesFile:
    """A file of JSON lines. `columns` are the keys of all lines, in the order in which they come first."""

    text: Text
    columns: tuple[str, ...]

    @property
    def shown(self) -> str:
        return self.text.shown

    def frames(self) -> Iterator[pl.DataFrame]:
        """The rows in batches; a key that a line lacks is missing there."""
        import polars as pl

        rows = _rows(self.text)
        schema = dict.fromkeys(self.columns, pl.String)
        while batch := list(itertools.islice(rows, _BATCH)):
            yield pl.DataFrame({name: [row.get(name) for row in batch] for name in self.columns}, schema=schema)


def open_json_lines(file: Path, shown: str, encoding: str | None) -> JsonLinesFile:
    """Reads the whole file once for its keys. Raises UserError at a line that is no object of plain values."""
    text = open_text(file, shown, encoding)
    columns: dict[str, None] = {}
    for row in _rows(text):
        columns.update(dict.fromkeys(row))
    if not columns:
        raise UserError(f"{shown}: the file is empty; put the data there, or correct ingest.source")
    return JsonLinesFile(text=text, columns=tuple(columns))


def _rows(text: Text) -> Iterator[dict[str, str | None]]:
    for number, line in enumerate(text.lines(), 1):
        if line.strip():
            yield _row(line, f"{text.shown}:{number}")


def _row(line: str, shown: str) -> dict[str, str | None]:
    try:
        content = json.loads(line, parse_float=str, parse_int=str, parse_constant=str, object_pairs_hook=_pairs)
    except json.JSONDecodeError as error:
        raise UserError(f"{shown}: not JSON ({error.msg} at column {error.colno}); write one object a line") from None
    if not isinstance(content, _Pairs):
        raise UserError(f'{shown}: no JSON object; write one object a line, such as {{"name": 1}}')
    row = {key: _plain(value, f"{shown}: {key}") for key, value in content}
    if len(row) < len(content):
        raise UserError(f"{shown}: a key stands there twice; remove one of them")
    return row


class _Pairs(list[tuple[str, Any]]):
    """An object as it stands: a dictionary would drop a key that comes twice."""


def _pairs(pairs: list[tuple[str, Any]]) -> _Pairs:
    return _Pairs(pairs)


def _plain(value: Any, shown: str) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, str):
        return value
    raise UserError(f"{shown}: a list or an object is no cell; flatten it into keys of its own")
