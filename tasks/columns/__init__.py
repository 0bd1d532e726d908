"""The column types, by name: one file each, and one line here."""

from __future__ import annotations

from typing import Any

from tasks.columns.audio.column import AudioColumn
from tasks.columns.base import ColumnType
from tasks.columns.boolean.column import BooleanColumn
from tasks.columns.category.column import CategoryColumn
from tasks.columns.image.column import ImageColumn
from tasks.columns.number.column import NumberColumn
from tasks.columns.text.column import TextColumn
from tasks.columns.timestamp.column import TimestampColumn
from tasks.columns.value_summary import ValueSummary
from tasks.params.config import ColumnTypeName

_TYPES: dict[ColumnTypeName, ColumnType[Any, Any, Any]] = {
    "number": NumberColumn(),
    "boolean": BooleanColumn(),
    "timestamp": TimestampColumn(),
    "audio": AudioColumn(),
    "image": ImageColumn(),
    "category": CategoryColumn(),
    "text": TextColumn(),
}

TYPE_NAMES: tuple[ColumnTypeName, ...] = tuple(_TYPES)
"""In the order in which a column's type is guessed: the first that fits its values."""


def inferred_type(summary: ValueSummary) -> ColumnTypeName:
    """The first type that fits all values of a column."""
    return next(name for name, of_type in _TYPES.items() if of_type.fits(summary))


def column_type(name: ColumnTypeName) -> ColumnType[Any, Any, Any]:
    """The column type of that name."""
    return _TYPES[name]
