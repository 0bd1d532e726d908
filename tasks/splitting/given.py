"""Split as the data say: a column names each row's part."""

from __future__ import annotations

from functools import partial

import numpy as np
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
    """Each row's part as the column says; where it names no validation rows, a share of the train rows, by their key.

    Raises UserError when the column is missing or a feature, or a value names no part.
    """
    column = split_column(config.column, "split", dataset)
    refuse_feature(column, "split")
    # One at a time: reading ends with the first part that names validation rows.
    given = (_parts_named(rows[column.name]) for rows in read([column.name]))
    if any((parts == "validation").any() for parts in given) or not config.validation:
        return lambda rows: _parts_named(rows[column.name])
    return partial(_carved, config, key)


def _carved(config: GivenSplit, key: Key, rows: pl.DataFrame) -> pl.Series:
    """Parts as given, with that share of the train rows for validation."""
    parts = _parts_named(rows[config.column])
    places = key.positions(rows, str(config.seed))
    # Test rows are never touched: the source has said which ones they are.
    moves = (parts == "train") & pl.Series(np.less(places, config.validation))
    return parts.zip_with(~moves, pl.repeat("validation", rows.height, eager=True))


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
