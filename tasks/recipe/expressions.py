"""Expressions of SQL that compute a column from the others of its row: read by polars, and looked through.

Only what says the same of a row alone as of the row among others is taken: a row to answer comes alone. Where a value
cannot be computed it is missing, in whatever part of an expression that shows: a row that divides by zero must not get
a number because something stands around the division.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import polars as pl
from polars.exceptions import PolarsError

from tasks.errors import UserError

_NODES = frozenset({"Column", "Literal", "BinaryExpr", "Cast", "Ternary", "Function"})
"""What an expression may be made of, in polars' own words; others are aggregates, windows and queries."""

_FUNCTIONS = frozenset(
    {
        "Abs",
        "Atan2",
        "Bitwise",
        "Boolean",
        "Ceil",
        "Clip",
        "Coalesce",
        "Exp",
        "FillNull",
        "Floor",
        "ListExpr",
        "Log",
        "Log1p",
    }
    | {"MaxHorizontal", "MinHorizontal", "Pow", "Sign", "Sql", "StringExpr", "TemporalExpr", "Trigonometry", "Truncate"}
)
"""Functions that look at one row at a time."""

_OF_ALL_ROWS = frozenset({"Any", "All", "And", "Or", "Xor"})
"""Of the kinds of functions above, those that look at all rows."""

_NOT_FINITE = frozenset({"Exp", "Log", "Log1p", "Pow", "Trigonometry"})
"""Functions that answer with NaN or an infinity where they have no answer."""

_DIVISIONS = frozenset({"Div", "Rem", "IntDiv"})

_CLOCK = re.compile(r"\b(now\s*\(|current_(date|time|timestamp)\b|localtime(stamp)?\b)", re.IGNORECASE)
_SELECT = re.compile(r"\bselect\b", re.IGNORECASE)
_OVER = re.compile(r"\bover\s*\(", re.IGNORECASE)
_QUOTED = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|`[^`]*`")

_TOO_DEEP = (
    "goes too deep, or holds a number larger than any float; make a part of it a feature of its own, above it, and use "
    "that"
)

_LARGEST = 1 << 20
"""Characters of an expression as polars writes it down: divisions in divisions are written twice each."""

_NULL = {"Literal": {"Scalar": {"Null": "Null"}}}


@dataclass(frozen=True)
class ParsedExpression:
    """What polars computes, and the columns that it reads, in the order of their names."""

    computed: pl.Expr
    columns: tuple[str, ...]


@lru_cache(maxsize=512)
def parse(sql: str) -> ParsedExpression:
    """The expression, as it is computed for rows to learn from and for rows to answer alike.

    Raises UserError that says what is wrong with it and what to write, without where it stands.
    """
    _check_words(_QUOTED.sub("''", sql))
    try:
        expression = pl.sql_expr(sql)
    except PolarsError as error:
        raise UserError(_not_sql(str(error).splitlines()[0])) from None
    try:
        tree = json.loads(expression.meta.serialize(format="json"))
        nodes = list(_walk(tree))
        _check_nodes(nodes)
        columns = sorted({node["Column"] for node in nodes if isinstance(node, dict) and "Column" in node})
        defined = _missing_where_undefined(tree)
    except RecursionError:
        raise UserError(_TOO_DEEP) from None
    if not columns:
        raise UserError("names no column, so it is the same in every row; name the columns that it is computed from")
    return ParsedExpression(expression if defined == tree else _expression(defined), tuple(columns))


def _expression(tree: Any) -> pl.Expr:
    text = json.dumps(tree)
    if len(text) > _LARGEST:
        raise UserError(_TOO_DEEP)
    try:
        return pl.Expr.deserialize(io.StringIO(text), format="json")
    # polars reads no deeper than some hundred levels, and has no way to write an infinite number down.
    except PolarsError:
        raise UserError(_TOO_DEEP) from None


def _not_sql(complaint: str) -> str:
    if "unsupported function" in complaint or "no function matches" in complaint:
        return f"polars' SQL has no such function ({complaint}); docs/features.md lists what it has"
    if complaint.startswith("DATE_TRUNC"):
        return "date_trunc needs to know types before there are any; take extract(... from ...) or strftime(...)"
    return (
        f"is no SQL ({complaint:.120}); write an expression such as `torque * speed`; names with blanks or signs in "
        "them, and words of SQL's own such as order, stand in double quotes, and the whole then in single ones"
    )


def _check_words(unquoted: str) -> None:
    if "--" in unquoted or "/*" in unquoted:
        raise UserError("holds a comment, which would take what follows it along; write it behind a # in params.yaml")
    if _SELECT.search(unquoted):
        raise UserError("asks a query of its own, and a row to answer comes alone, without a table; name its columns")
    if _OVER.search(unquoted):
        raise UserError(_needs_others("a window"))
    # polars reads the clock when it reads the expression: training and serving would differ.
    if _CLOCK.search(unquoted):
        raise UserError(
            "asks what time it is, and a row would have another answer every day; take a column that says when the row "
            "was made, or a fixed day such as date '2024-01-01'"
        )


def _walk(tree: Any) -> Iterator[Any]:
    """Every expression in an expression, itself first; what a literal holds is none."""
    yield tree
    for child in _children(tree):
        yield from _walk(child)


def _children(node: Any) -> list[Any]:
    match node:
        case {"BinaryExpr": {"left": left, "right": right}}:
            return [left, right]
        case {"Cast": {"expr": inner}}:
            return [inner]
        case {"Ternary": {"predicate": predicate, "truthy": truthy, "falsy": falsy}}:
            return [predicate, truthy, falsy]
        case {"Function": {"input": inputs}}:
            return list(inputs)
        case _:
            return []


def _check_nodes(nodes: Sequence[Any]) -> None:
    """Raises UserError for what needs other rows, or a table."""
    kinds = {next(iter(node)) if isinstance(node, dict) else str(node): node for node in nodes}
    if "Alias" in kinds:
        raise UserError(
            f"calls something {kinds['Alias']['Alias'][1]}, as two words side by side do; put a name with blanks in "
            "double quotes, and leave `as` out: the feature's name stands before the colon"
        )
    if others := [kind for kind in kinds if kind not in _NODES]:
        aggregates = [next(iter(node["Agg"])) for node in nodes if isinstance(node, dict) and "Agg" in node]
        # What polars makes of sum(x) counts the rows first; the last aggregate is the one that was written.
        raise UserError(_needs_others(aggregates[-1] if aggregates else "count" if "Len" in others else others[0]))
    for node in nodes:
        if isinstance(node, dict) and "Function" in node:
            _check_function(*_head(node["Function"]["function"]))


def _check_function(name: str, detail: Any) -> None:
    inner, settings = _head(detail) if detail is not None else ("", None)
    if name == "StructExpr":
        raise UserError("has a name with a point in it outside of quotes; put such a name in double quotes")
    if name not in _FUNCTIONS or (name in ("Boolean", "Bitwise") and inner in _OF_ALL_ROWS):
        raise UserError(_needs_others(inner if name in ("Boolean", "Bitwise") else name))
    if inner == "Strptime" and settings is not None and settings[1]["format"] is None:
        raise UserError(
            "reads a date without saying how it is written, which would be guessed from the rows beside it; say it, as "
            "in strptime(COLUMN, '%d.%m.%Y')"
        )


def _needs_others(what: str) -> str:
    return (
        f"looks at other rows ({what.lower()}), and a row to answer comes alone: aggregates and windows are not for "
        "features; write a fixed number in its place, or what the row itself says (greatest and least compare columns)"
    )


def _head(function: Any) -> tuple[str, Any]:
    """The name of a function, or of one of a kind, and what is said of it."""
    return next(iter(function.items())) if isinstance(function, Mapping) else (str(function), None)


def _missing_where_undefined(node: Any) -> Any:
    """The expression with a missing value for what is not finite, and for a cell that cannot be read."""
    match node:
        case {"BinaryExpr": {"left": left, "op": op, "right": right}}:
            sides = _missing_where_undefined(left), _missing_where_undefined(right)
            return {"BinaryExpr": {"left": sides[0], "op": op, "right": sides[1]}}
        case {"Cast": {"expr": inner, **settings}}:
            return {"Cast": {"expr": _missing_where_undefined(inner), **settings, "options": "NonStrict"}}
        case {"Ternary": branches}:
            return {"Ternary": {name: _missing_where_undefined(branch) for name, branch in branches.items()}}
        case {"Function": {"input": inputs, "function": function}}:
            return _function_where_defined([_missing_where_undefined(one) for one in inputs], function)
        case _:
            return node


def _function_where_defined(inputs: list[Any], function: Any) -> Any:
    name, detail = _head(function)
    if name == "Sql" and isinstance(detail, dict) and detail.get("Binary") in _DIVISIONS:
        inputs = [inputs[0], _unless(_compared(inputs[1], "Eq", {"Literal": {"Dyn": {"Int": 0}}}), inputs[1])]
    computed = {"Function": {"input": inputs, "function": _lenient(function)}}
    if name not in _NOT_FINITE:
        return computed
    is_finite = {"Function": {"input": [computed], "function": {"Boolean": "IsFinite"}}}
    return {"Ternary": {"predicate": is_finite, "truthy": computed, "falsy": _NULL}}


def _compared(left: Any, op: str, right: Any) -> Any:
    return {"BinaryExpr": {"left": left, "op": op, "right": right}}


def _unless(condition: Any, value: Any) -> Any:
    return {"Ternary": {"predicate": condition, "truthy": _NULL, "falsy": value}}


def _lenient(settings: Any) -> Any:
    """Without `strict`, by which one cell that is no date would end it all."""
    if isinstance(settings, dict):
        return {key: False if key == "strict" else _lenient(value) for key, value in settings.items()}
    return [_lenient(value) for value in settings] if isinstance(settings, list) else settings
