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


def by_given(config: GivenSplit, dataset: Dataset, key: Key, read: Read) -> Assign:
    """Each row's part as the column says; parts that it never names get a share of the train rows, by their key.

    Raises UserError when the column is missing or a feature, or a value names no part.
    """
    column = split_column(config.column, "split", dataset)
    refuse_feature(column, "split")
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


def _parts_named(values: pl.Series) -> pl.Series:
    """What a given column says as the names of parts. Raises UserError for a value that names none."""
    # A source may write Test or TEST with a blank behind it.
    given = values.cast(pl.String).str.strip_chars().str.to_lowercase()
    # is_in answers null for a missing value, which names no part either.
    unknown = values.filter(~given.is_in(list(_SPELLINGS)).fill_null(value=False))
    if len(unknown):
        shown = "nothing" if unknown[0] is None else repr(unknown[0])
        raise UserError(
            f"split.column: column {values.name} holds {shown} in {len(unknown):,} rows; "
            f"known are {', '.join(_SPELLINGS)}; correct them in the source"
        )
    return given.replace_strict(_SPELLINGS, return_dtype=pl.String)
