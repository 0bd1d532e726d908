"""Cuts in time: the latest rows are held out, as tomorrow's will be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.errors import UserError
from tasks.params.split import GivenSplit, Split, TimeSplit, goes_by_time
from tasks.splitting.base import Assign, Read, named, nearest_cuts, sizes, split_column
from tasks.tables.dataset import Column, Dataset


def by_time(config: TimeSplit, dataset: Dataset, read: Read) -> Assign:
    """Each row's part by its instant: the latest rows are the test, those before them validation.

    Sizes are exact up to ties, as all rows of one instant are on one side: the nearest number of rows that can be had.
    Holds an instant for each row, 8 bytes, and sorts them with numpy. The column may be a feature, unlike a group's:
    tomorrow's instant is known tomorrow, and that no training row has one as late is what the test is to show.
    Raises UserError when the column is missing or of another type, a row has no instant, or all rows have the same few.
    """
    order = time_order(config, dataset)
    values = order.known(rows[order.name] for rows in read([order.name]))
    test_from, held_out_from = order.newest_from(values, sizes(config, len(values)))

    def assign(rows: pl.DataFrame) -> pl.Series:
        when = order.instants(rows).to_numpy()
        return named(when >= test_from, when >= held_out_from)

    return assign


@dataclass(frozen=True, kw_only=True)
class TimeOrder:
    """The column that says when each row was, and the setting by which it does."""

    column: Column
    setting: str

    @property
    def name(self) -> str:
        return self.column.name

    def instants(self, rows: pl.DataFrame) -> pl.Series:
        """When each row was, [N], as whole microseconds since 1970 or as the number that it is, or missing.

        Raises UserError for a column whose values have no order in time.
        """
        return self._in_order(rows[self.name])

    def known(self, parts: Iterable[pl.Series]) -> NDArray[Any]:
        """The instants of all these cells. Raises UserError where one of them is missing."""
        read = [self._in_order(values) for values in parts]
        num_rows, num_missing = sum(map(len, read)), sum(values.null_count() for values in read)
        if num_missing:
            raise UserError(
                f"{self.setting}: column {self.name} is missing in {num_missing:,} of {num_rows:,} rows, so that "
                "nobody knows which part they belong to; take them out by the expectation "
                "expect_column_values_to_not_be_null in the suite, or correct them in the source"
            )
        return np.concatenate([values.to_numpy() for values in read])

    def newest_from(self, values: NDArray[Any], wanted: Sequence[int]) -> list[Any]:
        """The instants from which on rows are of the latest part, of the latest two, and so on, of so many rows each.

        `values` are those of all rows that are cut, [N]. Raises UserError where they have too few instants.
        """
        distinct, counts = np.unique(values, return_counts=True)
        # An instant is never cut, so that each part needs one of its own.
        if len(distinct) <= len(wanted):
            parts = {1: "two parts need two", 2: "three parts need three"}[len(wanted)]
            raise UserError(
                f"{self.setting}: column {self.name} has {len(distinct)} different values, and {parts}; "
                "bring rows of other times, or split another way, such as `split: {kind: hash}`"
            )
        # Turned round: the latest instants are taken first.
        return [distinct[-cut].item() for cut in nearest_cuts(counts[::-1], *wanted)]

    def _in_order(self, values: pl.Series) -> pl.Series:
        if not (values.dtype.is_temporal() or values.dtype.is_numeric()):
            raise UserError(
                f"{self.setting}: column {self.name} is of type {self.column.type}, which has no order in time; "
                f"set ingest.columns.{self.name}.type to timestamp or number, or let another column say when"
            )
        # A NaN is later than any number in numpy's order: such rows would make up the test.
        return values.fill_nan(None) if values.dtype.is_float() else values.to_physical()


def time_order(config: TimeSplit | GivenSplit, dataset: Dataset) -> TimeOrder:
    """What says when rows were. Raises UserError where no column does, or it is not known which."""
    if isinstance(config, TimeSplit):
        return TimeOrder(column=split_column(config.column, "time", dataset), setting="split.column")
    columns = [column for column in dataset.columns if column.role == "time"]
    if len(columns) == 1:
        return TimeOrder(column=columns[0], setting="split.validation_by")
    names = ", ".join(column.name for column in columns)
    what = f"several columns have the role time: {names}" if columns else "no column has the role time"
    raise UserError(
        f"split.validation_by: {what}; give it to the one that says when (ingest.columns.COLUMN.role: time), or write "
        "`validation_by: key`"
    )


def order_name(config: Split, dataset: Dataset) -> str | None:
    """The column by which rows are held out, the newest of them; None where the split does not go by time."""
    if goes_by_time(config):
        assert isinstance(config, TimeSplit | GivenSplit)
        return time_order(config, dataset).name
    return None
