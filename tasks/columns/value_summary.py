"""What a column type is told of all values of a column, when its type is inferred."""

from __future__ import annotations

from typing import Literal, Protocol

from tasks.params.config import ColumnTypeName

Storage = Literal["text", "number", "boolean", "timestamp", "bytes"]
"""How the source gives a column: text may turn out to be anything, the others are what they are."""


class ValueSummary(Protocol):
    """What all values of a column are, as a type asks when it is inferred; `ingestion.survey.Survey` counts it."""

    @property
    def storage(self) -> Storage: ...
    @property
    def num_rows(self) -> int: ...
    @property
    def num_present(self) -> int: ...
    @property
    def is_number(self) -> bool: ...
    @property
    def is_exact(self) -> bool: ...
    @property
    def is_code(self) -> bool: ...
    @property
    def is_boolean(self) -> bool: ...
    @property
    def format(self) -> str | None: ...
    @property
    def could_be(self) -> frozenset[ColumnTypeName]: ...
    @property
    def num_distinct(self) -> int: ...
    @property
    def longest(self) -> int: ...
