"""What all kinds of split share: positions, sizes, cuts, and the column that a split goes by."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.errors import UserError, did_you_mean
from tasks.params.config import Role
from tasks.params.split import SizedSplit
from tasks.paths import PARTS
from tasks.tables.dataset import Column, Dataset

Read = Callable[[Sequence[str] | None], Iterator[pl.DataFrame]]
"""Reads the rows once more, a part at a time: all columns, or those that are named."""

Assign = Callable[[pl.DataFrame], pl.Series]
"""Each row's part, [N] of "train", "validation" or "test"."""


def named(is_test: NDArray[np.bool_], is_held_out: NDArray[np.bool_]) -> pl.Series:
    """Parts by name: the test, validation where a row is held out but not for the test, and else train."""
    # The test first: what is below its cut is below that of validation too.
    places = np.where(is_test, PARTS.index("test"), np.where(is_held_out, PARTS.index("validation"), 0))
    return pl.Series("part", PARTS, dtype=pl.String).gather(places)


def below(places: NDArray[np.float64], test: Any, held_out: Any) -> pl.Series:
    """Parts by position: below `test` the test, then below `held_out` validation; numbers, or an array [N] of them."""
    return named(places < test, places < held_out)


def has_counts(config: SizedSplit) -> bool:
    """Whether a size is a count of rows: then the other rows must be known to place one."""
    return config.validation >= 1 or config.test >= 1


def sizes(config: SizedSplit, num_rows: int) -> tuple[int, int]:
    """Rows wanted for the test and for validation; a share beside a count is a count too.

    Raises UserError when none would be left to train on.
    """
    # A size of 1 and more is a count, as 1.0 of the rows would leave none to train on.
    test, validation = (size if size >= 1 else size * num_rows for size in (config.test, config.validation))
    if round(test) + round(validation) >= num_rows:
        raise UserError(
            f"split: validation {config.validation:g} and test {config.test:g} leave none of {num_rows:,} rows to "
            "train on; make them smaller, or bring more rows"
        )
    return round(test), round(validation)


def nearest_cuts(counts: NDArray[np.int64], *wanted: int) -> tuple[int, ...]:
    """How many units from the front are for the first part, how many for the first two, and so on.

    `counts`: rows of each unit, [U], such as a group or an instant, which is never cut; `wanted`: rows of each part, of
    which there are fewer than units. Each total is as near to what is wanted as can be, the smaller of two as near, and
    each part has a unit at least, and so has what is left.
    """
    totals = np.concatenate([[0], np.cumsum(counts)])
    cuts: list[int] = []
    for number, size in enumerate(wanted):
        before = cuts[-1] if cuts else 0
        # argmin takes the first of equal distances, which is the smaller part.
        nearest = np.abs(totals - totals[before] - size).argmin()
        # Behind the last place that a cut can have is a unit for each part to come, and one that is left.
        cuts.append(int(np.clip(nearest, before + 1, len(counts) - len(wanted) + number)))
    return tuple(cuts)


def split_column(name: str | None, role: Role, dataset: Dataset) -> Column:
    """The column that split.column names, or else the one with that role. Raises UserError when there is none."""
    known = {column.name: column for column in dataset.columns}
    if name is None:
        return _only_one_with(role, dataset)
    if name not in known:
        raise UserError(
            f"split.column: there is no column {name}{did_you_mean(name, known)}; name one that the data have"
        )
    # A part that goes by the answer would have other answers than the rest.
    if known[name].role == "target":
        raise UserError(f"split.column: column {name} is the target, which no split can go by; name another column")
    return known[name]


def _only_one_with(role: Role, dataset: Dataset) -> Column:
    columns = [column for column in dataset.columns if column.role == role]
    if not columns:
        raise UserError(
            f"split: no column has the role {role}; give one that role (ingest.columns.COLUMN.role: {role}), "
            "or name it in split.column"
        )
    if len(columns) > 1:
        names = ", ".join(column.name for column in columns)
        raise UserError(f"split: several columns have the role {role}: {names}; name the one that counts: split.column")
    return columns[0]


def refuse_feature(column: Column, role: Role) -> None:
    """Raises UserError when the model would learn from what decides about parts."""
    if column.role == "feature":
        raise UserError(
            f"split.column: column {column.name} is a feature, so the model would learn from it; "
            f"set ingest.columns.{column.name}.role to {role}"
        )
