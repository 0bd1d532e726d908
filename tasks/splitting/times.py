"""Split by time: the latest rows are the test, as tomorrow's will be."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.errors import UserError
from tasks.params.split import TimeSplit
from tasks.splitting.base import Assign, Read, named, nearest_cuts, sizes, split_column
from tasks.tables.dataset import Column, Dataset


def by_time(config: TimeSplit, dataset: Dataset, read: Read) -> Assign:
    """Each row's part by its instant: the latest rows are the test, those before them validation.

    Sizes are exact up to ties, as all rows of one instant are on one side: the nearest number of rows that can be had.
    Holds an instant for each row, 8 bytes, and sorts them with numpy. The column may be a feature, unlike a group's:
    tomorrow's instant is known tomorrow, and that no training row has one as late is what the test is to show.
    Raises UserError when the column is missing or of another type, a row has no instant, or all rows have the same few.
    """
    column = time_column(config, dataset)
    values = np.concatenate([_known(column, rows[column.name]) for rows in read([column.name])])
    _check_all_known(column, len(values), read)
    instants, counts = np.unique(values, return_counts=True)
    # An instant is never cut, so that each part needs one of its own.
    if len(instants) < 3:
        raise UserError(
            f"split.column: column {column.name} has {len(instants)} different values, and three parts need three; "
            "bring rows of other times, or split another way, such as `split: {kind: hash}`"
        )
    # Turned round: the latest instants are taken first.
    first, second = nearest_cuts(counts[::-1], *sizes(config, len(values)))
    test_from, held_out_from = instants[-first], instants[-second]

    def assign(rows: pl.DataFrame) -> pl.Series:
        when = _known(column, rows[column.name])
        return named(when >= test_from, when >= held_out_from)

    return assign


def time_column(config: TimeSplit, dataset: Dataset) -> Column:
    """The column that says when."""
    return split_column(config.column, "time", dataset)


def _known(column: Column, values: pl.Series) -> NDArray[Any]:
    """The instants that are there, as whole microseconds since 1970 or as the numbers that they are.

    Raises UserError for a column whose values have no order in time.
    """
    if not (values.dtype.is_temporal() or values.dtype.is_numeric()):
        raise UserError(
            f"split.column: column {column.name} is of type {column.type}, which has no order in time; "
            f"set ingest.columns.{column.name}.type to timestamp or number, or name another column"
        )
    present = values.drop_nulls()
    # A NaN is later than any number in numpy's order: such rows would make up the test.
    return (present.drop_nans() if present.dtype.is_float() else present.to_physical()).to_numpy()


def _check_all_known(column: Column, num_known: int, read: Read) -> None:
    # Counted anew: `_known` has dropped the missing ones, and the message says how many rows there are.
    num_missing = sum(rows.height for rows in read([column.name])) - num_known
    if num_missing:
        raise UserError(
            f"split.column: column {column.name} is missing in {num_missing:,} of {num_missing + num_known:,} rows, "
            "so that nobody knows whether they are for the test; take them out by the expectation "
            f"expect_column_values_to_not_be_null in the suite, or correct them in the source"
        )
