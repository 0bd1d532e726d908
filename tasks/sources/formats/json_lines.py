"""Rows in a file of JSON lines: one object a line. Numbers stay as they are written, and become text like all else."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from tasks.errors import UserError
from tasks.sources.formats.encoding import Text, open_text
from tasks.sources.packed import Entry

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

# Each cell is an object of Python until its batch is a table.
_BATCH = 16_384
_HALF_LETTER = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, kw_only=True)
class JsonLinesFile:
    """A file of JSON lines. `columns` are the keys of all lines, in the order in which they come first."""

    text: Text
    columns: tuple[str, ...]
    header: ClassVar[bool] = True
    in_lines: ClassVar[bool] = True

    @property
    def shown(self) -> str:
        return self.text.shown

    def numbered_frames(self) -> Iterator[tuple[pl.DataFrame, NDArray[np.int64]]]:
        """The rows in batches, each with the numbers of its lines; a key that a line lacks is missing there."""
        import numpy as np
        import polars as pl

        rows = _rows(self.text)
        schema = dict.fromkeys(self.columns, pl.String)
        while batch := list(itertools.islice(rows, _BATCH)):
            cells = {name: [row.get(name) for _, row in batch] for name in self.columns}
            yield pl.DataFrame(cells, schema=schema), np.array([number for number, _ in batch])


def open_json_lines(entry: Entry, encoding: str | None) -> JsonLinesFile:
    """Reads the whole file once for its keys. Raises UserError at a line that is no object of plain values."""
    text = open_text(entry, encoding)
    # A dictionary, and no set: keys stay in the order in which they come first.
    columns: dict[str, None] = {}
    for _, row in _rows(text):
        columns.update(dict.fromkeys(row))
    if not columns:
        raise UserError(f"{entry.shown}: the file is empty; put the data there, or correct ingest.source")
    return JsonLinesFile(text=text, columns=tuple(columns))


def _rows(text: Text) -> Iterator[tuple[int, dict[str, str | None]]]:
    """Each row with the number of its line."""
    for number, line in enumerate(text.lines(), 1):
        if line.strip():
            yield number, _row(line, f"{text.shown}:{number}")


def _row(line: str, shown: str) -> dict[str, str | None]:
    try:
        # As text, digits and all: 1e400 and 0.10 are no floats that could be written back.
        content = json.loads(line, parse_float=str, parse_int=str, parse_constant=str, object_pairs_hook=_pairs)
    except json.JSONDecodeError as error:
        raise UserError(f"{shown}: not JSON ({error.msg} at column {error.colno}); write one object a line") from None
    # Python's parser has its own limit, which a line of brackets reaches.
    except RecursionError:
        raise UserError(f"{shown}: nested too deep for a row; flatten it into keys of its own") from None
    if not isinstance(content, _Pairs):
        raise UserError(f'{shown}: no JSON object; write one object a line, such as {{"name": 1}}')
    row = {key: _plain(value, f"{shown}: {key}") for key, value in content}
    if len(row) < len(content):
        raise UserError(f"{shown}: a key stands there twice; remove one of them")
    # Only escapes can spell half a letter: UTF-8 has none.
    if "\\" in line:
        _check_letters(row, shown)
    return row


def _check_letters(row: dict[str, str | None], shown: str) -> None:
    """Escapes can spell one of the two halves that UTF-16 makes some letters of: no text can hold it by itself."""
    for key, value in row.items():
        if _HALF_LETTER.search(key) or (value and _HALF_LETTER.search(value)):
            raise UserError(
                f"{shown}: {key}: holds half a letter, as \\ud800 is; write it with both halves, or take it out"
            )


class _Pairs(list[tuple[str, Any]]):
    """An object as it stands: a dictionary would drop a key that comes twice."""


def _pairs(pairs: list[tuple[str, Any]]) -> _Pairs:
    return _Pairs(pairs)


def _plain(value: Any, shown: str) -> str | None:
    # As JSON writes it.
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, str):
        return value
    raise UserError(f"{shown}: a list or an object is no cell; flatten it into keys of its own")
