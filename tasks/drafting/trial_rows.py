"""Rows of a source in a temporary folder, divided so that models can be compared before a pipeline is there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from tasks.drafting.inspection import Inspection
from tasks.drafting.rehearsal import ingest_rows, lenient
from tasks.errors import UserError
from tasks.params.split import goes_by_time
from tasks.paths import Paths
from tasks.splitting.folds import fold_paths
from tasks.splitting.forward import before_test, forward_cuts
from tasks.tables import storage
from tasks.tables.dataset import read_dataset

if TYPE_CHECKING:
    from tasks.params.pipeline import Pipeline

_FOLDS = 5
_MOST_ROWS = 20_000
_MOST_CELLS = 2_000_000
"""A sample of so many says which kind of model suits the data; the time is better spent on folds than on rows."""


@dataclass(frozen=True, kw_only=True)
class TrialRows:
    """Training rows after clean, divided: in folds, or, of a split by time, so that what is judged on came later.

    What would be the test rows is set apart first, and never looked at. `num_rows` are those that models are measured
    by; the rows of `paths` are all of them, or those before the newest stretch of time. `share` is that of the source's
    rows that were drawn.
    """

    paths: Paths
    num_rows: int
    share: float
    forward: tuple[Paths, ...] = ()
    """A small pipeline for each stretch of time that is judged on, the newest first; none where there are folds."""

    def encoded(self, config: Pipeline, name: str) -> Sequence[Paths]:
        """What is trained on and judged on, by the block's own normalize and augment; `name` is that of a folder."""
        if self.forward:
            return [_encoded(config, cut, f"{name}-{number}") for number, cut in enumerate(self.forward)]
        return fold_paths(_encoded(config, self.paths, name), "augment")


def _encoded(config: Pipeline, paths: Paths, name: str) -> Paths:
    from tasks import augment, normalize

    own = paths.project.pipeline(name)
    # Links: each way of encoding reads the same cleaned rows.
    shutil.copytree(paths.data, own.data, copy_function=os.link)
    shutil.copytree(paths.reports, own.reports)
    normalize.run(config.normalize, own)
    augment.run(config.augment, own)
    return own


def trial_rows(config: Pipeline, inspection: Inspection, paths: Paths) -> TrialRows:
    """Reads the source, and leaves a sample of its rows under `paths`. Raises UserError where a stage refuses them."""
    from tasks import clean, split

    ingest_rows(config, inspection, paths, paths.raw)
    drawn = storage.write_parts(paths.valid, _sampled(paths.raw, len(inspection.facts.names)))
    share = drawn / storage.count_rows(paths.raw)
    if goes_by_time(config.split):
        split.run(config.split, paths)
        forward = _forward(config, paths)
        num_rows = sum(rows.height for rows in before_test(paths))
        return TrialRows(paths=forward[0], num_rows=num_rows, share=share, forward=forward)
    try:
        split.run(config.split.model_copy(update={"folds": _FOLDS}), paths)
        clean.run(lenient(config.clean), paths)
    except UserError as error:
        # The setting is none of the user's here, and a smaller number of folds nothing that init takes.
        problem, cure, _ = str(error).partition("; make split.folds smaller")
        if not cure:
            raise
        why = problem.removeprefix("split.folds: ")
        raise UserError(f"the table is too small for {_FOLDS} folds: {why}") from None
    return TrialRows(paths=paths, num_rows=storage.count_rows(paths.clean("train")), share=share)


def _forward(config: Pipeline, paths: Paths) -> tuple[Paths, ...]:
    """The rows of each cut in time, split and cleaned. Raises UserError where the stages refuse all of them."""
    from tasks import clean, split

    wholes: list[Paths] = []
    refused: UserError | None = None
    for number, cut in enumerate(forward_cuts(config.split, read_dataset(paths.dataset), paths, _FOLDS)):
        whole = paths.project.pipeline(f"forward{number}")
        storage.write_parts(whole.valid, cut.rows(paths))
        shutil.copyfile(paths.dataset, whole.dataset)
        try:
            split.run(cut.split, whole)
            clean.run(lenient(config.clean), whole)
        # A stretch may lack a class that others have, and nothing can be judged on it.
        except UserError as error:
            refused = error
            continue
        wholes.append(whole)
    if refused and not wholes:
        raise refused
    return tuple(wholes)


def _sampled(folder: Path, num_columns: int) -> Iterator[pl.DataFrame]:
    """In their order, as time and repeated events need it."""
    num_rows = storage.count_rows(folder)
    share = min(1.0, _MOST_ROWS / num_rows, _MOST_CELLS / num_columns / num_rows)
    random = np.random.default_rng(0)
    for part in storage.read_parts(folder):
        yield part if share == 1 else part.filter(pl.Series(random.random(part.height) < share))
