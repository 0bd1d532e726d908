"""Whether the test rows are distributed as the training rows are, column by column: where they surely are not, a figure
on the test rows is one of other rows than the model has learnt from.

By the tests that `validate` compares deliveries by: of missing shares, ranges, categories, and of numbers and the
lengths of texts in bins. Over all tests of all columns Holm's method keeps the rate of false alarms.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.columns import column_type
from tasks.holm import holm
from tasks.measures import Measure
from tasks.params.config import Config
from tasks.params.validate import Drift
from tasks.paths import Part, Paths
from tasks.tables import storage
from tasks.tables.dataset import Column, Dataset
from tasks.validation.column_drift import Difference, TwoProfiles, differences
from tasks.validation.data_profile import ColumnProfile, ProfileState

FALSE_ALARMS = 0.05
"""Share of tests of a model in which any column is called drifted though none is, at most."""
_MOST_ROWS = 100_000
"""Of each part that are looked at, evenly over all: of more, differences would be sure that matter to nobody."""
_MOST_NAMED = 3
_ANY = Drift(distribution=0.0, missing=0.0, range=0.0, new_category=0.0)
"""However small a difference is: how sure it is decides."""


class DriftedColumn(Config):
    """One whose test rows are surely others: `sentence` says how, of the test rows first, and `p_value` is the least
    of its tests."""

    name: str
    sentence: str
    p_value: float


class DriftOfTest(Config):
    """drift.json: the feature columns that are surely distributed otherwise, the surest first, of `num_columns`.

    `num_rows` of the training and of the test rows were looked at.
    """

    num_columns: int
    num_rows: tuple[int, int]
    columns: tuple[DriftedColumn, ...] = ()
    p_values: tuple[float, ...] = ()
    """Of each column that differs, drifted or by chance, the least after all tests of all columns; in their order."""

    @property
    def measure(self) -> Measure:
        """How many they are, and which."""
        names = ", ".join(column.name for column in self.columns[:_MOST_NAMED])
        more = f" and {len(self.columns) - _MOST_NAMED:,} more" if len(self.columns) > _MOST_NAMED else ""
        return Measure(
            value=len(self.columns), num_rows=self.num_rows[1], of=f"{names}{more}" or None, p_values=self.p_values
        )


def drift_of_test_rows(dataset: Dataset, paths: Paths) -> DriftOfTest:
    """By the rows as clean left them; images and sounds are not compared."""
    there = storage.column_names(paths.clean("test"))
    columns = [column for column in dataset.features if column.name in there and not column_type(column.type).is_media]
    train, test = (_profile(dataset, columns, paths, part) for part in ("train", "test"))
    return drift_between(columns, train, test)


def drift_between(columns: Sequence[Column], train: ProfileState, test: ProfileState) -> DriftOfTest:
    """Of these columns, by what is known of both."""
    old, new, histograms = train.profile(), test.profile(), test.histograms()
    num_rows = old.num_rows, new.num_rows
    if not all(num_rows):
        return DriftOfTest(num_columns=len(columns), num_rows=num_rows)
    compared: list[tuple[str, Difference]] = []
    for column in columns:
        before, now = (_without_times(one.columns[column.name]) for one in (old, new))
        both = TwoProfiles(column.name, before, now, num_rows, histograms.get(column.name))
        compared += [(column.name, difference) for difference in differences(_ANY, both)]
    adjusted = holm([difference.p_value for _, difference in compared])
    differing = [(*pair, p) for pair, p in zip(compared, adjusted, strict=True) if pair[1].warning is not None]
    least: dict[str, float] = {}
    for name, _, p in differing:
        # The last digits need not be the same on all machines.
        least[name] = min(least.get(name, 1.0), float(f"{p:.12g}"))
    return DriftOfTest(
        num_columns=len(columns),
        num_rows=num_rows,
        columns=tuple(_surest([(name, difference) for name, difference, p in differing if p <= FALSE_ALARMS])),
        p_values=tuple(sorted(least.values())),
    )


def _surest(sure: Sequence[tuple[str, Difference]]) -> Iterator[DriftedColumn]:
    """Each column once, by the surest of its differences."""
    known = set()
    # Python's sort is stable: of equal ones the earlier column stays the earlier.
    for name, difference in sorted(sure, key=lambda pair: pair[1].p_value):
        if name not in known:
            known.add(name)
            sentence = difference.told()["sentence"]
            yield DriftedColumn(name=name, sentence=sentence, p_value=float(f"{difference.p_value:.2g}"))


def _without_times(profile: ColumnProfile) -> ColumnProfile:
    # Times go on, and the first and the last are no draws of which chance could be asked.
    if isinstance(profile.minimum, str):
        return profile.model_copy(update={"minimum": None, "maximum": None})
    return profile


def _profile(dataset: Dataset, columns: Sequence[Column], paths: Paths, part: Part) -> ProfileState:
    """Part by part; of the rows that are looked at."""
    folder = paths.clean(part)
    state = ProfileState(dataset.model_copy(update={"columns": tuple(columns)}))
    numbers = _rows_to_compare(dataset, paths, part)
    start = 0
    for rows in storage.read_parts(folder, [column.name for column in columns]) if columns else ():
        own = numbers[(numbers >= start) & (numbers < start + rows.height)] - start
        state.add(rows[own.tolist()])
        start += rows.height
    return state


def _rows_to_compare(dataset: Dataset, paths: Paths, part: Part) -> NDArray[np.int64]:
    """Those that count and are draws of their own: of a group one row, as those of one patient or day go together."""
    folder = paths.clean(part)
    is_asked = np.ones(storage.count_rows(folder), dtype=np.bool_)
    group = next((column.name for column in dataset.columns if column.role == "group"), None)
    if dataset.weight is not None:
        weights = _column(folder, dataset.weight.name)
        is_asked &= (weights.fill_null(0) > 0).to_numpy()
    numbers = np.flatnonzero(is_asked)
    if group is not None:
        groups = _column(folder, group)[numbers.tolist()]
        # A row without a group is one of its own, as in split.
        numbers = numbers[(groups.is_first_distinct() | groups.is_null()).to_numpy()]
    return numbers[:: -(-len(numbers) // _MOST_ROWS) or 1]


def _column(folder: Path, name: str) -> pl.Series:
    return pl.concat(storage.read_parts(folder, [name]))[name]
