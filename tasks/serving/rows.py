"""The rows of a request, checked against the columns that the model asks for."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

from tasks.errors import did_you_mean
from tasks.serving.request_error import Problem, RequestError, more_problems

MEDIA = ("image", "audio")
"""Column types whose values may be lists: a picture is an array of numbers, too."""
_MOST_PROBLEMS = 20
_FAULTLESS = frozenset({int, float, bool, type(None)})
"""Of JSON: what most values are, and every column may hold."""


@dataclass(frozen=True, kw_only=True)
class ServedColumn:
    """A column of a raw row. `type` and `accepts`, what may be given in words, are empty where the version does not
    say."""

    name: str
    is_required: bool = True
    type: str = ""
    accepts: str = ""

    @property
    def may_be_a_list(self) -> bool:
        """Whether its value may be an array."""
        return self.type in (*MEDIA, "")


@dataclass(frozen=True, kw_only=True)
class RawRows:
    """Values by column, as JSON has them: the columns that the model asks for, and those of the optional ones that all
    rows have. `ignored` are other columns that rows had; `others` are the values of those of them that were asked to be
    kept, and that all rows have."""

    columns: dict[str, list[Any]]
    num_rows: int
    ignored: tuple[str, ...] = ()
    others: dict[str, list[Any]] = field(default_factory=dict)

    @cached_property
    def text(self) -> str:
        """`columns` as JSON: written once, whoever is asked."""
        return json.dumps(self.columns, separators=(",", ":"))


def parsed(body: bytes | str) -> Any:
    """The JSON of a body. Raises RequestError (400) for what is none, with the place where it breaks off, and for what
    Python would take on the quiet: two values under one name, of which the last would count."""
    try:
        # A mark of the byte order is no part of the text.
        text = body if isinstance(body, str) else body.decode("utf-8-sig")
        return _decoder().decode(text)
    except RecursionError:
        raise RequestError(400, "the body's JSON has too many lists within lists") from None
    except UnicodeDecodeError as error:
        raise RequestError(
            400, f"the body is no text in UTF-8 (byte {error.start + 1:,}); encode it as UTF-8, as JSON is"
        ) from None
    except json.JSONDecodeError as error:
        raise RequestError(400, f'the body is no JSON ({error}); send it such as {{"rows": [{{"age": 41}}]}}') from None
    except ValueError:
        # All else that it says is Python's own advice about such a number.
        most = sys.get_int_max_str_digits()
        raise RequestError(
            400, f"the body has a number of more than {most:,} digits, which is none; send null where nothing is known"
        ) from None


@cache
def _decoder() -> json.JSONDecoder:
    return json.JSONDecoder(parse_constant=_no_number, object_pairs_hook=_object)


def _no_number(text: str) -> float:
    raise RequestError(400, f"the body is no JSON: {text} is no number; send null where nothing is known")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise RequestError(400, f"an object of the body has {twice!r:.80} twice; send each name once")
    return content


def rows_of(content: Any) -> list[Any]:
    """The rows of `{"rows": [...]}`, of a list, or of one row alone. Raises RequestError (422) where there is none."""
    rows = content.get("rows", [content]) if isinstance(content, dict) else content
    # A column may be called `rows`, too: then a row holds no list of rows there.
    if isinstance(content, dict) and not _is_a_list_of_rows(rows):
        rows = [content]
    if not isinstance(rows, list) or not rows:
        raise RequestError(422, 'the body has no rows; send {"rows": [{"age": 41, "town": "Ulm"}]}, or one such row')
    return rows


def _is_a_list_of_rows(rows: Any) -> bool:
    return isinstance(rows, list) and all(isinstance(row, dict) for row in rows)


def checked(rows: Sequence[Any], known: Sequence[ServedColumn], kept: Sequence[str] = ()) -> RawRows:
    """The rows as columns. Raises RequestError (422), which names each row's columns that are missing or hold what no
    column can. Columns of `kept` are no model's, and come along."""
    _refuse_no_list(rows, known)
    problems: list[Problem] = []
    for number, row in enumerate(rows, start=1):
        problems += _problems(row, number, known)
        if len(problems) >= _MOST_PROBLEMS:
            break
    if problems:
        raise RequestError(422, _summary(problems), problems)
    asked = [column.name for column in known if column.is_required or all(column.name in row for row in rows)]
    names = {column.name for column in known}
    ignored = dict.fromkeys(name for row in rows for name in row if name not in names)
    by_column = zip(*([row[name] for name in asked] for row in rows), strict=True)
    columns = dict(zip(asked, map(list, by_column), strict=True))
    others = {name: [row[name] for row in rows] for name in kept if all(name in row for row in rows)}
    return RawRows(columns=columns, num_rows=len(rows), ignored=tuple(ignored), others=others)


def _refuse_no_list(rows: Sequence[Any], known: Sequence[ServedColumn]) -> None:
    """Raises RequestError (422) for one row that has `rows` and no column: its sender meant a list."""
    match rows:
        case [{"rows": content} as row] if not any(column.name in row for column in known):
            what = "a list with what is no object in it" if isinstance(content, list) else "no list"
            raise RequestError(
                422, f'`rows` is {what}; it must be a list of rows, each an object: {{"rows": [{{"age": 41}}, ...]}}'
            )


def _problems(row: Any, number: int, known: Sequence[ServedColumn]) -> list[Problem]:
    if not isinstance(row, Mapping):
        return [Problem(row=number, message='is no JSON object; a row is such as {"age": 41}')]
    problems = []
    for column in known:
        if column.name not in row:
            if column.is_required:
                problems.append(Problem(row=number, column=column.name, message=_missing(column.name, row, known)))
        elif type(row[column.name]) not in _FAULTLESS and (message := _fault(row[column.name], column)) is not None:
            problems.append(Problem(row=number, column=column.name, message=message))
    return problems


def _missing(name: str, row: Mapping[str, Any], known: Sequence[ServedColumn]) -> str:
    names = {column.name for column in known}
    near = next((other for other in row if other not in names and "did you mean" in did_you_mean(other, [name])), None)
    hint = f"; {near!r:.80} is no column: was it meant?" if near is not None else ""
    return f"is missing{hint}; give it, null where nothing is known"


def _fault(value: Any, column: ServedColumn) -> str | None:
    if isinstance(value, str):
        # Half of a pair that JSON can write and no text holds.
        return None if value.isascii() or _is_text(value) else "holds a character that is none (a lone surrogate)"
    if isinstance(value, dict) or (isinstance(value, list) and not column.may_be_a_list):
        return f"holds a JSON {'object' if isinstance(value, dict) else 'list'}; give {column.accepts or 'one value'}"
    return None


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _summary(problems: Sequence[Problem]) -> str:
    first = problems[0]
    where = f"row {first.row}" + (f": column {first.column}" if first.column is not None else "")
    return f"{where} {first.message}{more_problems(problems)}"
