"""A table of parts as Great Expectations is shown it: the same columns and types in every part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import polars as pl

from tasks.tables import storage
from tasks.validation.gx.parts import PartEngine, as_pandas, sized


class PartedTable:
    """A folder of parts, read one at a time and as often as is needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._empty = next(storage.read_parts(folder)).clear()
        self._with_gaps = self._booleans_with_gaps()
        self.names = self._empty.columns
        self.types = dict(sized(self._empty).schema)

    def parts(self, columns: Iterable[str] | None = None) -> Iterator[pl.DataFrame]:
        """The parts; all columns, or those that are named."""
        return storage.read_parts(self._folder, None if columns is None else list(columns))

    def pandas(self, part: pl.DataFrame) -> Any:
        """The part as pandas would hold it, were it the whole table."""
        return as_pandas(part, self._with_gaps)

    def schema_engine(self) -> PartEngine:
        """On a table with the columns and no rows."""
        return PartEngine(self.pandas(self._empty))

    def batch_of(self, column: str, values: pl.Series) -> PartEngine:
        """On these values of one column."""
        dtype = self.pandas(self._empty.select(column))[column].dtype
        return PartEngine(values.alias(column).to_frame().to_pandas().astype({column: dtype}))

    def whole(self, columns: Iterable[str] | None) -> PartEngine:
        """On these columns of all parts as one batch, which takes as much memory as they do."""
        return PartEngine(pl.concat(self.parts(columns)).pipe(self.pandas))

    def _booleans_with_gaps(self) -> list[str]:
        booleans = [name for name, dtype in self._empty.schema.items() if dtype == pl.Boolean]
        # One more pass, but of the boolean columns alone.
        gaps = [part.null_count() for part in storage.read_parts(self._folder, booleans)] if booleans else []
        return [name for name in booleans if any(counts[name].item() for counts in gaps)]
