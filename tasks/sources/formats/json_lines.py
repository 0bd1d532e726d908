"""Rows in a file of JSON lines: one object a line. Numbers stay as they are written, and become text like all else."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from tasks.errors import UserError
from tasks.sources.base import BrokenLine
from tasks.sources.formats.encoding import Text, open_text
from tasks.sources.formats.names import named_by_place
from tasks.sources.packed import Entry

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

# Each cell is an object of Python until its batch is a table.
_BATCH = 16_384
_MOST_NESTED = 0.1
"""Of the values of a key; with more of them the column is one of lists or objects."""
_HALF_LETTER = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, kw_only=True)
class JsonLinesFile:
    """A file of JSON lines. `keys` are those of all lines, in the order in which they come first."""

    text: Text
    keys: tuple[str, ...]
    keep: Callable[[BrokenLine], None] | None = None
    """Where lines go that are no rows; without it the first of them ends the reading."""
    header: ClassVar[bool] = True
    in_lines: ClassVar[bool] = True

    @property
    def shown(self) -> str:
        return self.text.shown

    @property
    def columns(self) -> tuple[str, ...]:
        return named_by_place(self.keys)

    def numbered_frames(self) -> Iterator[tuple[pl.DataFrame, NDArray[np.int64]]]:
        """The rows in batches, each with the numbers of its lines; a key that a line lacks is missing there."""
        import numpy as np
        import polars as pl

        rows = _rows(self.text, self.keep)
        schema = dict.fromkeys(self.columns, pl.String)
        while batch := list(itertools.islice(rows, _BATCH)):
            cells = {name: [row.get(key) for _, row in batch] for name, key in zip(schema, self.keys, strict=True)}
            yield pl.DataFrame(cells, schema=schema), np.array([number for number, _ in batch])


def open_json_lines(entry: Entry, encoding: str | None) -> JsonLinesFile:
    """Reads the whole file once for its keys; a line that is no object is told by who reads the rows.

    Raises UserError where no line is one, and for keys of lists or objects.
    """
    text = open_text(entry, encoding)
    # Keys stay in the order in which they come first.
    num_values: Counter[str] = Counter()
    nested: dict[str, list[int]] = {}
    broken: list[BrokenLine] = []
    # The first alone: a file of something else would be kept as a whole.
    for number, row in _rows(text, lambda line: None if broken else broken.append(line)):
        for key, value in row.items():
            num_values[key] += value is not None
            if isinstance(value, _Nested):
                nested.setdefault(key, []).append(number)
    if not num_values and broken:
        raise UserError(f"{broken[0].place}: {broken[0].reason}")
    if not num_values:
        raise UserError(f"{entry.shown}: the file is empty; put the data there, or name another file")
    for key, lines in nested.items():
        # A few among plain values are bad cells, each of them one row's.
        if len(lines) > _MOST_NESTED * num_values[key]:
            raise UserError(
                f"{entry.shown}:{lines[0]}: {key}: a list or an object is no cell; flatten it into keys of its own"
            )
    return JsonLinesFile(text=text, keys=tuple(num_values))


def _rows(text: Text, keep: Callable[[BrokenLine], None] | None) -> Iterator[tuple[int, dict[str, str | None]]]:
    """Each row with the number of its line."""
    for number, line in enumerate(text.lines(), 1):
        if not line.strip():
            continue
        place = f"{text.shown}:{number}"
        try:
            row = _row(line, place)
        except UserError as error:
            if keep is None:
                raise
            keep(BrokenLine(place=place, text=line, reason=str(error).removeprefix(f"{place}: ")))
        else:
            yield number, row


def _row(line: str, shown: str) -> dict[str, str | None]:
    try:
        # As text, digits and all: 1e400 and 0.10 are no floats that could be written back.
        content = json.loads(line, parse_float=str, parse_int=str, parse_constant=str, object_pairs_hook=_pairs)
        nested = _nested(line) if isinstance(content, _Pairs) and any(_is_list(value) for _, value in content) else {}
    except json.JSONDecodeError as error:
        raise UserError(f"{shown}: not JSON ({error.msg} at column {error.colno}); write one object a line") from None
    # Python's parser has its own limit, which a line of brackets reaches.
    except RecursionError:
        raise UserError(f"{shown}: nested too deep for a row; flatten it into keys of its own") from None
    if not isinstance(content, _Pairs):
        raise UserError(f'{shown}: no JSON object; write one object a line, such as {{"name": 1}}')
    row = {key: nested[key] if _is_list(value) else _plain(value) for key, value in content}
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


class _Nested(str):
    """A list or an object as a cell, as JSON writes it."""

    __slots__ = ()


def _nested(line: str) -> dict[str, str]:
    """The lists and objects of a line."""
    values = json.loads(line)
    return {
        key: _Nested(json.dumps(value, ensure_ascii=False))
        for key, value in values.items()
        if isinstance(value, list | dict)
    }


def _is_list(value: Any) -> bool:
    """Objects are lists of pairs."""
    return isinstance(value, list)


def _plain(value: bool | str | None) -> str | None:
    # As JSON writes it.
    return str(value).lower() if isinstance(value, bool) else value
