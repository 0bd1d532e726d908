"""The test rows and what was answered to them: what a model is judged on, alone or beside another one."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.evaluation.paired_bootstrap import group_numbers
from tasks.evaluation.predictions import Predictions
from tasks.evaluation.weighted_metrics import Floats
from tasks.paths import Part, Paths
from tasks.repair.repair import Repair
from tasks.tables import storage
from tasks.tables.dataset import Dataset


@dataclass(frozen=True, kw_only=True)
class JudgedRows:
    """The test rows and what the challenger answered to them. `classes` are its own, none for a number.

    `groups` are the numbers of the rows' groups [N], where they have any; `repair` is what puts the target's values
    right.
    """

    classes: tuple[str, ...]
    predictions: Predictions
    groups: NDArray[np.int64] | None = None
    repair: Repair | None = None

    @property
    def weights(self) -> Floats:
        """How much each row counts, [N]."""
        own = self.predictions.weight
        return np.ones(len(self.predictions.y_true)) if own is None else own

    def where(self, kept: NDArray[np.bool_]) -> JudgedRows:
        """Those rows alone; groups are numbered anew."""
        groups = None if self.groups is None else np.unique(self.groups[kept], return_inverse=True)[1]
        return replace(self, predictions=self.predictions.where(kept), groups=groups)


def judged_rows(paths: Paths, dataset: Dataset, classes: tuple[str, ...]) -> JudgedRows:
    """The test rows as evaluate and clean left them."""
    return JudgedRows(
        classes=classes,
        predictions=Predictions.of_table(storage.read_table(paths.predicted)),
        groups=test_groups(paths, dataset),
        repair=dataset.target.repair,
    )


def test_groups(paths: Paths, dataset: Dataset) -> NDArray[np.int64] | None:
    """Those of the test rows."""
    return row_groups(paths, dataset, "test")


def row_groups(paths: Paths, dataset: Dataset, part: Part) -> NDArray[np.int64] | None:
    """The number of each row's group [N], where rows have groups; a row without is one of its own, as in split."""
    column = next((column.name for column in dataset.columns if column.role == "group"), None)
    if column is None:
        return None
    values = pl.concat(storage.read_parts(paths.clean(part), [column]))[column]
    return group_numbers(values.cast(pl.String))
