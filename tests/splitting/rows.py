"""Rows with identical ones among them, of groups and instants, some without a group; cut and ordered at will."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import polars as pl
from hypothesis import strategies as st

from tasks.params.split import Split
from tasks.splitting import assigner
from tasks.splitting.key import split_key
from tasks.tables.dataset import Dataset
from tests.small_tables import Kind, described

COLUMNS: dict[str, Kind] = {
    "id": ("category", "id"),
    "x": ("number", "feature"),
    "part": ("category", "split"),
    "who": ("category", "group"),
    "when": ("timestamp", "time"),
    "label": ("category", "target"),
}
DATASET = described(COLUMNS)
CONTENT = ["x", "who", "when", "label"]
START = datetime(2024, 1, 1, tzinfo=UTC).replace(tzinfo=None)


def rows_of(cells: Sequence[tuple[int, str | None, int, str]]) -> pl.DataFrame:
    """One row for each (x, group, day, label), with an id of its own."""
    return pl.DataFrame(
        {
            "id": [str(number) for number in range(len(cells))],
            "x": [float(cell[0]) for cell in cells],
            "part": [("train", "validation", "test")[cell[0] % 3] for cell in cells],
            "who": pl.Series([cell[1] for cell in cells], dtype=pl.String),
            "when": pl.Series([START + timedelta(days=cell[2]) for cell in cells], dtype=pl.Datetime("us")),
            "label": [cell[3] for cell in cells],
        }
    )


def many(num_rows: int, num_groups: int = 40, num_days: int = 90, rare: int = 3) -> pl.DataFrame:
    """Different rows, every `rare`-th of class yes."""
    return rows_of(
        [
            (number, f"g{number % num_groups}", number * 7 % num_days, "yes" if number % rare == 0 else "no")
            for number in range(num_rows)
        ]
    )


def assigned(config: Split, parts: Sequence[pl.DataFrame], dataset: Dataset = DATASET) -> dict[str, str]:
    """Each row's side by its id."""

    def read(columns: Sequence[str] | None) -> Iterator[pl.DataFrame]:
        return (part if columns is None else part.select(columns) for part in parts)

    assign = assigner(config, dataset, split_key(config, dataset, read), read)
    return {name: side for part in parts for name, side in zip(part["id"], assign(part), strict=True)}


def sides_of(rows: pl.DataFrame, sides: dict[str, str], by: Sequence[str]) -> list[int]:
    """On how many sides the rows stand that are equal in these columns."""
    placed = rows.with_columns(side=pl.col("id").replace_strict(sides, return_dtype=pl.String))
    return placed.group_by(by).agg(pl.col("side").n_unique())["side"].to_list()


cells = st.tuples(
    st.integers(0, 5),
    st.one_of(st.none(), st.sampled_from("abcdef")),
    st.integers(0, 12),
    st.sampled_from(["no", "yes"]),
)
tables = st.lists(cells, min_size=12, max_size=60).map(rows_of)
