"""The columns that test rows are told apart by, and their values as clean left them."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from tasks.evaluation.partitions import can_be_sliced
from tasks.paths import Paths
from tasks.tables import storage
from tasks.tables.dataset import Column, Dataset


def sliceable_columns(dataset: Dataset, paths: Paths) -> list[Column]:
    """Those that the test rows have."""
    there = storage.column_names(paths.clean("test"))
    return [column for column in dataset.columns if column.name in there and can_be_sliced(column)]


def sensitive_columns(dataset: Dataset, paths: Paths) -> list[Column]:
    """Those of them that tell groups of people apart."""
    return [column for column in sliceable_columns(dataset, paths) if column.role == "sensitive"]


def values_of_test_rows(paths: Paths, columns: Sequence[Column]) -> pl.DataFrame:
    """The values [N] of the test rows in these columns; without columns a table of nothing."""
    names = [column.name for column in columns]
    return pl.concat(storage.read_parts(paths.clean("test"), names)) if names else pl.DataFrame()
