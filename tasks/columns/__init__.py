"""The column types, by name: one file each, and one line here."""

from __future__ import annotations

from typing import Any

from tasks.columns.audio import AudioColumn
from tasks.columns.base import ColumnType
from tasks.columns.boolean import BooleanColumn
from tasks.columns.category import CategoryColumn
from tasks.columns.image import ImageColumn
from tasks.columns.number import NumberColumn
from tasks.columns.text import TextColumn
from tasks.columns.timestamp import TimestampColumn
from tasks.params import ColumnTypeName

_TYPES: dict[ColumnTypeName, ColumnType[Any, Any, Any]] = {
    "number": NumberColumn(),
    "boolean": BooleanColumn(),
    "timestamp": TimestampColumn(),
    "image": ImageColumn(),
    "audio": AudioColumn(),
    "category": CategoryColumn(),
    "text": TextColumn(),
}

TYPE_NAMES: tuple[ColumnTypeName, ...] = tuple(_TYPES)
"""In the order in which a column's type is guessed: the first that its values could be."""


def column_type(name: ColumnTypeName) -> ColumnType[Any, Any, Any]:
    """The column type of that name."""
    return _TYPES[name]
