"""What a source is: rows in batches, as often as asked, and a digest of their content."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Protocol

from tasks.params import ColumnTypeName

if TYPE_CHECKING:
    import polars as pl


class Source(Protocol):
    """Where rows come from. Nothing is read before `parts` or `digest` is called."""

    @property
    def kind(self) -> str:
        """The `kind` in params.yaml."""

    @property
    def location(self) -> str:
        """Where the rows are, as the user wrote it."""

    @property
    def types(self) -> Mapping[str, ColumnTypeName]:
        """The types of the columns that the source knows by itself; the others are inferred."""

    @property
    def split_column(self) -> str | None:
        """The column that says train, validation or test, when the source brings separate files."""

    def parts(self) -> Iterator[pl.DataFrame]:
        """The rows in small batches, the same ones every time: all with the same columns, in the same order.

        A column holds text, numbers or bytes; a missing value is null. Raises UserError when the source cannot be read.
        """

    def digest(self) -> str:
        """SHA-256 of the content, as hexadecimal digits: changes when, and only when, the content does."""
