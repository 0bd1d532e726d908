"""Rows of a source in a temporary folder, divided so that models can be compared before a pipeline is there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from tasks.drafting.inspection import Inspection
from tasks.drafting.rehearsal import ingest_rows, lenient
from tasks.paths import Paths
from tasks.splitting.folds import fold_paths
from tasks.tables import storage

if TYPE_CHECKING:
    from tasks.params.pipeline import Pipeline

_FOLDS = 5
_MOST_ROWS = 20_000
_MOST_CELLS = 2_000_000
"""A sample of so many says which kind of model suits the data; the time is better spent on folds than on rows."""


@dataclass(frozen=True, kw_only=True)
class TrialRows:
    """Training rows after clean, in folds; of a split by time, without folds, the newest rows are judged on.

    What would be the test rows is set apart first, and never looked at.
    """

    paths: Paths
    num_rows: int
    folds: bool

    def encoded(self, config: Pipeline, name: str) -> Sequence[Paths]:
        """What is trained on and judged on, by the block's own normalize and augment; `name` is that of a folder."""
        from tasks import augment, normalize

        own = self.paths.project.pipeline(name)
        # Links: each way of encoding reads the same cleaned rows.
        shutil.copytree(self.paths.data, own.data, copy_function=os.link)
        shutil.copytree(self.paths.reports, own.reports)
        normalize.run(config.normalize, own)
        augment.run(config.augment, own)
        return fold_paths(own, "augment") if self.folds else [own]


def trial_rows(config: Pipeline, inspection: Inspection, paths: Paths) -> TrialRows:
    """Reads the source, and leaves a sample of its rows under `paths`. Raises UserError where a stage refuses them."""
    from tasks import clean, split
    from tasks.params.split import KeyedSplit

    ingest_rows(config, inspection, paths, paths.raw)
    storage.write_parts(paths.valid, _sampled(paths.raw, len(inspection.facts.names)))
    by_key = isinstance(config.split, KeyedSplit)
    if by_key:
        split.run(config.split.model_copy(update={"folds": _FOLDS}), paths)
    else:
        split.run(config.split, paths)
        # All but the newest, cut once more.
        before = (paths.split("train"), paths.split("validation"))
        storage.write_parts(paths.valid, chain.from_iterable(map(storage.read_parts, before)))
        split.run(config.split, paths)
    clean.run(lenient(config.clean), paths)
    return TrialRows(paths=paths, num_rows=storage.count_rows(paths.clean("train")), folds=by_key)


def _sampled(folder: Path, num_columns: int) -> Iterator[pl.DataFrame]:
    """In their order, as time and repeated events need it."""
    num_rows = storage.count_rows(folder)
    share = min(1.0, _MOST_ROWS / num_rows, _MOST_CELLS / num_columns / num_rows)
    random = np.random.default_rng(0)
    for part in storage.read_parts(folder):
        yield part if share == 1 else part.filter(pl.Series(random.random(part.height) < share))
