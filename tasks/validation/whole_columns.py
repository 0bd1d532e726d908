"""What only a column as a whole can say, exact and in bounded memory: order, distinct values and duplicates.

DuckDB keeps the columns in a file of its own, and sorts and groups on disk what does not fit its memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

MEMORY = "256MB"
_ROW = "row number"
_BATCH = 100_000


class WholeColumns:
    """Named tables of row numbers and columns, appended to part by part."""

    def __init__(self, folder: Path) -> None:
        import duckdb

        settings: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": MEMORY,
            "temp_directory": str(folder),
            # DuckDB would fetch them from its own server, and nothing connects to where the user did not ask for.
            "autoinstall_known_extensions": False,
        }
        self._database: DuckDBPyConnection = duckdb.connect(folder / "columns.duckdb", config=settings)
        self._names: set[str] = set()

    def close(self) -> None:
        """Lets go of the file."""
        self._database.close()

    def append(self, name: str, rows: NDArray[np.int64], values: pl.DataFrame) -> None:
        """Adds rows, by their numbers in the whole table, with what they hold; columns are known by their positions."""
        # Names come from the user's file and may hold anything; these need no quoting.
        frame = values.rename({column: f"c{index}" for index, column in enumerate(values.columns)})
        frame = frame.with_columns(pl.Series(_ROW, rows, dtype=pl.Int64))
        self._database.register("appended", frame.to_arrow())
        made = f'INSERT INTO "{name}"' if name in self._names else f'CREATE TABLE "{name}" AS'
        self._database.execute(f"{made} FROM appended")
        self._database.unregister("appended")
        self._names.add(name)

    def count(self, name: str) -> int:
        """Values of the first column that are not missing."""
        return int(self._one(f'SELECT count(c0) FROM "{name}"'))

    def num_distinct(self, name: str) -> int:
        """Different values of the first column."""
        return int(self._one(f'SELECT count(*) FROM (SELECT DISTINCT c0 FROM "{name}" WHERE c0 IS NOT NULL)'))

    def distinct(self, name: str) -> pl.Series:
        """The different values of the first column, in order."""
        query = f'SELECT DISTINCT c0 FROM "{name}" WHERE c0 IS NOT NULL ORDER BY c0'
        return self._series(query)

    def modes(self, name: str) -> pl.Series:
        """The most common values of the first column, in order: several when they are equally common."""
        counted = f'(SELECT c0, count(*) AS n FROM "{name}" WHERE c0 IS NOT NULL GROUP BY c0)'
        most = "SELECT c0 FROM counted WHERE n = (SELECT max(n) FROM counted) ORDER BY c0"
        return self._series(f"WITH counted AS {counted} {most}")

    def median(self, name: str) -> float:
        """The middle value, or the mean of the two in the middle; NaN of no values."""
        count = self.count(name)
        if not count:
            return math.nan
        low, high = self._at(name, [(count - 1) // 2, count // 2])
        return low if low == high else (low + high) / 2

    def quantiles(self, name: str, shares: Sequence[float], interpolation: str) -> list[float]:
        """As pandas computes them, by its names of interpolations; NaN of no values."""
        count = self.count(name)
        if not count:
            return [math.nan] * len(shares)
        positions = [share * (count - 1) for share in shares]
        ends = self._at(name, [end for position in positions for end in (math.floor(position), math.ceil(position))])
        pairs = zip(positions, ends[::2], ends[1::2], strict=True)
        return [_between(position, low, high, interpolation) for position, low, high in pairs]

    def duplicates(self, name: str) -> Iterator[NDArray[np.int64]]:
        """The numbers of the rows whose values all columns of another row have too, in order; missing is a value."""
        columns = [column for column in self._columns(name) if column != _ROW]
        same = " AND ".join(f"one.{column} IS NOT DISTINCT FROM several.{column}" for column in columns)
        several = f'(SELECT {", ".join(columns)} FROM "{name}" GROUP BY ALL HAVING count(*) > 1)'
        query = f'SELECT "{_ROW}" FROM "{name}" AS one SEMI JOIN {several} AS several ON {same} ORDER BY "{_ROW}"'
        for batch in self._query(query).to_arrow_reader(_BATCH):
            yield batch.column(0).to_numpy()

    def _at(self, name: str, positions: Sequence[int]) -> list[float]:
        """The values at these positions of the sorted first column."""
        query = f'SELECT c0 FROM "{name}" WHERE c0 IS NOT NULL ORDER BY c0'
        values_at: dict[int, float] = {}
        start = 0
        for batch in self._query(query).to_arrow_reader(_BATCH):
            values = batch.column(0)
            here = (position for position in positions if start <= position < start + len(values))
            values_at |= {position: values[position - start].as_py() for position in here}
            start += len(values)
        return [values_at[position] for position in positions]

    def _columns(self, name: str) -> list[str]:
        return self._query(f'FROM "{name}"').columns

    def _query(self, query: str) -> DuckDBPyRelation:
        """On a connection of its own: the rows of several tables are read side by side."""
        return self._database.cursor().sql(query)

    def _series(self, query: str) -> pl.Series:
        frame = pl.from_arrow(self._query(query).to_arrow_table())
        assert isinstance(frame, pl.DataFrame)
        return frame.to_series()

    def _one(self, query: str) -> Any:
        return self._query(query).fetchall()[0][0]


def _between(position: float, low: float, high: float, interpolation: str) -> float:
    """The value at a position between two neighbours."""
    beyond = position - math.floor(position)
    match interpolation:
        case "lower":
            return low
        case "higher":
            return high
        case "midpoint":
            return low if low == high else (low + high) / 2
        case "nearest":
            return high if round(position) == math.ceil(position) else low
        case _:
            return low if low == high else low + (high - low) * beyond
