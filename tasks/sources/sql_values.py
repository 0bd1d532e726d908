"""What a database's driver gives for a cell, as what a table's column may hold."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, get_args

from tasks.errors import UserError

if TYPE_CHECKING:
    import polars as pl

Cell = bool | int | float | datetime | bytes | str | None
Kind = Literal["boolean", "whole", "long", "huge", "float", "datetime", "bytes", "text"]

_AS_THEY_COME = frozenset({type(None), bool, int, str, bytes, datetime})
# Beyond, not every whole number is a float64: such a column stays whole, or becomes text.
_EXACT_AS_FLOAT = 2**53
# MySQL's unsigned and DuckDB's huge integers go beyond what an Int64 holds.
_FITS_64_BITS = range(-(2**63), 2**63)


def plain(value: Any) -> Cell:
    """One cell: a decimal as the nearest float, or whole; NaN as missing, times in UTC without a zone, other scalars as
    text.

    Raises TypeError when the value is a list, a mapping or a tuple, which no single cell can hold.
    """
    match value:
        case datetime():
            # A column has one zone at most, a database one for each value.
            return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        # By the exact type: a subclass may print itself otherwise.
        case _ if type(value) in _AS_THEY_COME:
            known: Cell = value
            return known
        # NUMERIC(20, 0) and the like hold identifiers, whose digits count.
        case Decimal() if value.is_finite() and value.as_tuple().exponent == 0:
            return int(value)
        case float() | Decimal():
            return None if math.isnan(value) else float(value)
        # After datetime, which is a date as well.
        case date():
            return datetime(value.year, value.month, value.day)
        case memoryview() | bytearray():
            return bytes(value)
        case list() | dict() | tuple() | set():
            raise TypeError(type(value).__name__)
        case _:
            return str(value)


def plain_rows(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[tuple[Cell, ...]]:
    """Rows of cells. Raises UserError when a cell holds several values."""
    listed = [tuple(row) for row in rows]
    try:
        return [tuple(map(plain, row)) for row in listed]
    except TypeError as error:
        nested = next(name for name, *values in zip(columns, *listed, strict=True) if _is_nested(values))
        raise UserError(
            f"ingest.source.query: column {nested} holds values of type {error}, which are no single cells; "
            "unpack them in the query into columns of their own, or cast them to text"
        ) from None


def kinds(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> dict[str, frozenset[Kind]]:
    """The kinds of values that each column holds; a missing value has none."""
    if not rows:
        return dict.fromkeys(columns, frozenset())
    return {
        name: frozenset(_kind(value) for value in values if value is not None)
        for name, values in zip(columns, zip(*rows, strict=True), strict=True)
    }


def column_type(name: str, observed: frozenset[Kind]) -> pl.DataType:
    """The narrowest type that holds all kinds without a loss: text when nothing else does, or nothing is known.

    Raises UserError for bytes among other values, which have no common text.
    """
    import polars as pl

    # Narrowest first; `long` with fractions is text, as float64 would round it.
    types: dict[frozenset[Kind], pl.DataType] = {
        frozenset({"boolean"}): pl.Boolean(),
        frozenset({"whole", "long"}): pl.Int64(),
        frozenset({"whole", "float"}): pl.Float64(),
        frozenset({"datetime"}): pl.Datetime("us"),
        frozenset({"bytes"}): pl.Binary(),
        frozenset(get_args(Kind)) - {"bytes"}: pl.String(),
    }
    fitting = [kind for held_kinds, kind in types.items() if observed <= held_kinds]
    if not fitting:
        raise UserError(
            f"ingest.source.query: column {name} holds bytes in some rows and other values in others; "
            "cast it to one type in the query"
        )
    return fitting[0] if observed else pl.String()


def frame(schema: Mapping[str, pl.DataType], rows: Sequence[Sequence[Cell]]) -> pl.DataFrame:
    """The rows as a table of that schema."""
    import polars as pl

    columns = zip(*rows, strict=True) if rows else ([] for _ in schema)
    return pl.DataFrame(
        [_series(name, kind, values) for (name, kind), values in zip(schema.items(), columns, strict=True)]
    )


def _series(name: str, kind: pl.DataType, values: Sequence[Cell]) -> pl.Series:
    import polars as pl

    # polars would refuse a list of several kinds, or make missing what does not fit.
    return pl.Series(name, [_spelt(value) for value in values] if kind == pl.String() else values, dtype=kind)


def _spelt(value: Cell) -> str | None:
    """As text, for a column that holds values of several kinds."""
    match value:
        case None | str():
            return value
        case bool():
            # As in the other sources, and not Python's True.
            return "true" if value else "false"
        case _:
            return str(value)


def _kind(value: Cell) -> Kind:
    match value:
        case str():
            return "text"
        case bool():
            return "boolean"
        # After bool, which is an int to Python.
        case int() if value not in _FITS_64_BITS:
            return "huge"
        case int():
            return "whole" if abs(value) <= _EXACT_AS_FLOAT else "long"
        case float():
            return "float"
        case datetime():
            return "datetime"
        case _:
            return "bytes"


def _is_nested(values: Iterable[Any]) -> bool:
    return any(isinstance(value, list | dict | tuple | set) for value in values)
