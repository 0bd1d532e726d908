"""Split as the data say: a column names each row's part."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import polars as pl

from tasks.errors import UserError
from tasks.params.split import GivenSplit
from tasks.paths import Part
from tasks.splitting.base import Assign, Read, refuse_feature, split_column
from tasks.splitting.key import Key
from tasks.tables.dataset import Dataset

_SPELLINGS: dict[str, Part] = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "test": "test",
}
"""How a given column may name the parts, in lower case."""

_MOST_SHOWN = 3


def by_given(config: GivenSplit, dataset: Dataset, key: Key, read: Read) -> Assign:
    """Each row's part as the column says; parts that it never names get a share of the train rows, by their key.

    Raises UserError when the column is missing or a feature, or a value names no part.
    """
    column = split_column(config.column, "split", dataset)
    refuse_feature(column, "split")
    _check_values(column.name, read)
    named: set[str] = set()
    # One at a time: reading ends when all parts are named.
    for rows in read([column.name]):
        named.update(_parts_named(rows[column.name]).unique())
        if {"validation", "test"} <= named:
            break
    shares: dict[Part, float] = {"validation": config.validation, "test": config.test}
    absent = {part: share for part, share in shares.items() if share and part not in named}
    return partial(_carved, config, key, absent) if absent else lambda rows: _parts_named(rows[column.name])


def _carved(config: GivenSplit, key: Key, shares: Mapping[Part, float], rows: pl.DataFrame) -> pl.Series:
    """Parts as given, with those shares of the train rows for parts that the data do not name."""
    parts = _parts_named(rows[config.column])
    places = key.positions(rows, str(config.seed))
    # Rows of the other parts are never touched: the source has said which ones they are.
    is_train = parts == "train"
    start = 0.0
    for part, share in shares.items():
        moves = is_train & pl.Series((places >= start) & (places < start + share))
        parts = parts.zip_with(~moves, pl.repeat(part, rows.height, eager=True))
        start += share
    return parts


def _check_values(name: str, read: Read) -> None:
    """Raises UserError when some rows name no part."""
    num_rows = num_unknown = 0
    examples: list[str] = []
    for rows in read([name]):
        unknown = rows[name].filter(_parts_named(rows[name]).is_null())
        num_rows, num_unknown = num_rows + rows.height, num_unknown + len(unknown)
        shown = unknown.unique(maintain_order=True).head(_MOST_SHOWN).to_list()
        examples += ["nothing" if value is None else repr(value) for value in shown]
    if num_unknown:
        values = ", ".join(dict.fromkeys(examples[:_MOST_SHOWN]))
        raise UserError(
            f"split.column: column {name} holds {values} in {num_unknown:,} of {num_rows:,} rows; known are "
            f"{', '.join(_SPELLINGS)}; correct them in the source, or, where the column says something else, "
            "name another one or split another way: `split: {kind: hash}`"
        )


def _parts_named(values: pl.Series) -> pl.Series:
    """What a given column says as the names of parts; missing where a value names none."""
    # A source may write Test or TEST with a blank behind it.
    given = values.cast(pl.String).str.strip_chars().str.to_lowercase()
    return given.replace_strict(_SPELLINGS, default=None, return_dtype=pl.String)
