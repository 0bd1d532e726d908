"""k-anonymity: how well a person hides among others who share what could tell them apart.

DuckDB counts the groups, in a file of its own: there may be as many groups as rows, and what does not fit its memory
goes to disk, while polars' merged counts would have to stay in memory. Each part is counted by polars first, so that
DuckDB gets a row a group and not a row a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import polars as pl

from tasks.cleaning.findings import Parts
from tasks.cleaning.personal.protection import masked

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_MEMORY = "128MB"
_LIMITS = (2, 5, 10)
"""Group sizes that releases of data ask for; 5 and 10 are common in health data, 2 says who stands alone."""
_NUM_EXAMPLES = 3
_SIZE = "size"


def k_anonymity(parts: Parts, columns: Sequence[str]) -> dict[str, Any]:
    """The smallest group of rows that are equal in `columns`, k, and how many rows stand in small groups.

    Sweeney (2002), "k-anonymity: a model for protecting privacy": each row is the same as at least k - 1 others in
    what could be looked up elsewhere. A missing value is a value like any other here. k is 0 of no rows; `smallest`
    holds the smallest groups with letters as x and digits as 0.
    """
    with TemporaryDirectory() as folder, _database(Path(folder)) as database:
        for part in parts():
            _add(database, part.select(columns))
        return {"columns": list(columns), **_summary(database, columns)}


def _database(folder: Path) -> DuckDBPyConnection:
    import duckdb

    # Limits of its own: DuckDB would take four fifths of the machine, and load extensions from the network.
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": _MEMORY,
        "temp_directory": str(folder),
        "autoinstall_known_extensions": False,
    }
    return duckdb.connect(folder / "groups.duckdb", config=settings)


def _add(database: DuckDBPyConnection, rows: pl.DataFrame) -> None:
    """Appends the groups of one part, each with its rows; columns are known by their places."""
    # User names for columns may hold quotes, or differ in case alone, which SQL takes for the same.
    named = rows.rename({name: f"c{place}" for place, name in enumerate(rows.columns)})
    database.register("part", named.group_by(named.columns).len(_SIZE).to_arrow())
    # The first part gives the table its columns.
    database.execute("CREATE TABLE IF NOT EXISTS parts AS SELECT * FROM part LIMIT 0")
    database.execute("INSERT INTO parts SELECT * FROM part")
    # DuckDB would else keep the part in memory.
    database.unregister("part")


def _summary(database: DuckDBPyConnection, columns: Sequence[str]) -> dict[str, Any]:
    # No part came, so that there is no table to ask.
    if not database.execute("FROM information_schema.tables WHERE table_name = 'parts'").fetchall():
        return {"k": 0, "num_groups": 0, "rows_below": {str(limit): 0 for limit in _LIMITS}, "smallest": []}
    places = ", ".join(f"c{place}" for place in range(len(columns)))
    database.execute(f"CREATE TABLE groups AS SELECT {places}, sum({_SIZE})::BIGINT AS {_SIZE} FROM parts GROUP BY ALL")
    below = ", ".join(f"coalesce(sum({_SIZE}) FILTER ({_SIZE} < {limit}), 0)::BIGINT" for limit in _LIMITS)
    select = f"SELECT coalesce(min({_SIZE}), 0), count(*), {below} FROM groups"
    ((k, num_groups, *rows_below),) = database.execute(select).fetchall()
    # Ordered by the values too: of groups of one size the same are shown in every run.
    order = f"SELECT {places} FROM groups ORDER BY {_SIZE}, {places} LIMIT {_NUM_EXAMPLES}"
    return {
        "k": k,
        "num_groups": num_groups,
        "rows_below": {str(limit): rows for limit, rows in zip(_LIMITS, rows_below, strict=True)},
        "smallest": _examples(pl.DataFrame(database.sql(order).to_arrow_table()), columns),
    }


def _examples(groups: pl.DataFrame, columns: Sequence[str]) -> list[str]:
    """`zip 00000, sex x` for each group."""
    # No value stands in a report.
    shown = [masked(column).fill_null("(missing)") for column in groups.iter_columns()]
    return [
        ", ".join(f"{name} {text}" for name, text in zip(columns, texts, strict=True))
        for texts in zip(*(column.to_list() for column in shown), strict=True)
    ]
