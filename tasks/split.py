"""Stage split: train, validation and test rows, before anything is learnt from any of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks import files, reports
from tasks.errors import UserError
from tasks.parallel import parallel_map
from tasks.params.split import Split
from tasks.paths import PARTS, Part, Paths
from tasks.reports import Report
from tasks.splitting import assigner
from tasks.splitting.checks import check_parts
from tasks.splitting.folds import FOLD, check_folds, num_folds, with_folds
from tasks.splitting.shared import content_hashes, may_share, num_shared
from tasks.tables import storage
from tasks.tables.dataset import Dataset, read_dataset
from tasks.tables.storage import TableWriter


@dataclass(frozen=True, kw_only=True)
class SplitCounts:
    """What is counted while rows are written; it grows part by part.

    `hashes` are those of the rows' content, 8 bytes each, and only kept where identical rows can be on two sides.
    """

    classes: dict[Part, Counter[str]] = field(default_factory=lambda: {part: Counter() for part in PARTS})
    folds: Counter[int] = field(default_factory=Counter)
    hashes: dict[Part, list[NDArray[np.uint64]]] = field(default_factory=lambda: {part: [] for part in PARTS})


def run(config: Split, paths: Paths) -> Report:
    """Reads clean/ and cleaned.json; leaves split/{train,validation,test}/ and split.json.

    Raises UserError when a part would be empty, a class is missing from train, or a column of the split is of no use.
    """
    dataset = read_dataset(paths.cleaned)
    # The column of folds would replace one of the user without a word.
    _check_names(dataset)
    assign = assigner(config, dataset, partial(storage.read_parts, paths.clean))
    tally = SplitCounts()
    with _part_writers(paths) as writers:
        for chosen in parallel_map(lambda rows: _chosen(rows, assign(rows)), storage.read_parts(paths.clean)):
            for part in PARTS:
                _count(tally, part, chosen[part], config, dataset)
                writers[part].append(_with_bookkeeping(tally, part, chosen[part], config, dataset))
        num_rows = {part: writers[part].num_rows for part in PARTS}
        folds = [tally.folds[number] for number in range(num_folds(config))]
        # Within the block: on a failure no part is left behind.
        check_parts(num_rows, tally.classes, dataset, config)
        check_folds(folds, config)
    classes = {part: dict(sorted(tally.classes[part].items())) for part in PARTS}
    content = {"num_rows": num_rows, "classes": classes, "num_shared": num_shared(tally.hashes), "folds": folds}
    files.write_json(paths.split_report, content)
    return reports.split(paths)


@contextmanager
def _part_writers(paths: Paths) -> Iterator[dict[Part, TableWriter]]:
    """A table for each part: all of them are there when the block ends, and none if it fails."""
    with ExitStack() as stack:
        yield {part: stack.enter_context(storage.table_writer(paths.split(part))) for part in PARTS}


def _chosen(rows: pl.DataFrame, parts: pl.Series) -> dict[Part, pl.DataFrame]:
    """The rows of each part."""
    return {part: rows.filter(parts == part) for part in PARTS}


def _count(tally: SplitCounts, part: Part, rows: pl.DataFrame, config: Split, dataset: Dataset) -> None:
    if dataset.task != "regression":
        # Under another name, as polars refuses to count a column that is called `count`.
        classes = rows[dataset.target.name].alias("value").value_counts()
        tally.classes[part].update(dict(classes.iter_rows()))
    # 8 bytes a row are only spent where identical rows can be on two sides.
    if may_share(config, dataset):
        tally.hashes[part].append(content_hashes(rows, dataset))


def _with_bookkeeping(
    tally: SplitCounts, part: Part, rows: pl.DataFrame, config: Split, dataset: Dataset
) -> pl.DataFrame:
    """The rows as they are written: those of train with their folds, which are counted."""
    # Folds are for training rows: validation and test are never learnt from.
    if part != "train" or not num_folds(config):
        return rows
    rows = with_folds(rows, config, dataset)
    tally.folds.update(dict(rows[FOLD].value_counts().iter_rows()))
    return rows


def _check_names(dataset: Dataset) -> None:
    if any(column.name == FOLD for column in dataset.columns):
        raise UserError(
            f"split: column {FOLD} has the name that folds of cross validation have; rename it in the source"
        )
