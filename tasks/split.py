"""Stage split: train, validation and test rows, before anything is learnt from any of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks import files, reports
from tasks.parallel import parallel_map
from tasks.params.split import KeyedSplit, Split
from tasks.paths import PARTS, Part, Paths
from tasks.reports import Report
from tasks.splitting import assigner
from tasks.splitting.base import Assign, Read
from tasks.splitting.checks import check_parts
from tasks.splitting.folds import check_folds, fold_numbers, fold_writer, num_folds
from tasks.splitting.groups import ignored_group
from tasks.splitting.key import parts_repeats, placer, split_key
from tasks.splitting.shared import content_hashes, may_share, num_shared
from tasks.splitting.times import order_name
from tasks.tables import storage
from tasks.tables.dataset import Dataset, read_dataset
from tasks.tables.storage import TableWriter


@dataclass(frozen=True, kw_only=True)
class SplitCounts:
    """What is counted while rows are written; it grows part by part.

    `hashes` are those of the rows' content, 8 bytes each, and only kept where identical rows can be on two sides.
    """

    classes: dict[Part, Counter[str]] = field(default_factory=lambda: {part: Counter() for part in PARTS})
    with_target: Counter[Part] = field(default_factory=Counter)
    hashes: dict[Part, list[NDArray[np.uint64]]] = field(default_factory=lambda: {part: [] for part in PARTS})


def run(config: Split, paths: Paths) -> Report:
    """Reads valid/ and dataset.json; leaves split/{train,validation,test}/, folds/split/ and split.json.

    Raises UserError when a part would be empty, or a column of the split is of no use. Whether each part has what it
    needs of each class is known when clean has merged spellings; here it is told.
    """
    dataset, read = read_dataset(paths.dataset), partial(storage.read_parts, paths.valid)
    key = split_key(config, dataset, read)
    parts = _cut(config, assigner(config, dataset, key, read), read)
    place_in_folds = placer(config, key)
    tally = SplitCounts()
    with _part_writers(paths) as writers, fold_writer(paths, num_folds(config)) as fold_tables:
        for chosen in parts:
            for part in PARTS:
                _count(tally, part, chosen[part], dataset)
                # 8 bytes a row are only spent where rows of one content can be on two sides.
                if may_share(config, dataset, key):
                    tally.hashes[part].append(content_hashes(chosen[part], dataset))
                writers[part].append(chosen[part])
            # Folds are of training rows: validation and test are never learnt from.
            if isinstance(config, KeyedSplit) and config.folds:
                fold_tables.append(chosen["train"], fold_numbers(chosen["train"], config, dataset, key, place_in_folds))
        num_rows = {part: writers[part].num_rows for part in PARTS}
        # Within the block: on a failure no part is left behind.
        check_parts(tally.with_target, config.kind, key, read)
        check_folds(fold_tables.num_rows, config)
    classes = {part: dict(sorted(tally.classes[part].items())) for part in PARTS}
    content: dict[str, Any] = {"kind": config.kind, "key": key.names, "num_rows": num_rows, "classes": classes}
    if time := order_name(config, dataset):
        content["time"] = time
    if ignored := ignored_group(config, dataset):
        content["ignored_group"] = ignored
    shared = {"folds": fold_tables.num_rows, "num_shared": num_shared(tally.hashes)}
    files.write_json(paths.split_report, content | shared)
    return reports.split(paths)


@contextmanager
def _part_writers(paths: Paths) -> Iterator[dict[Part, TableWriter]]:
    """A table for each part: all of them are there when the block ends, and none if it fails."""
    with ExitStack() as stack:
        yield {part: stack.enter_context(storage.table_writer(paths.split(part))) for part in PARTS}


def _cut(config: Split, assign: Assign, read: Read) -> Iterator[dict[Part, pl.DataFrame]]:
    """The rows of each part, for each part of the table."""
    if parts_repeats(config):
        # Of equal rows it counts which come first.
        return (_chosen(rows, assign(rows)) for rows in read(None))
    return parallel_map(lambda rows: _chosen(rows, assign(rows)), read(None))


def _chosen(rows: pl.DataFrame, parts: pl.Series) -> dict[Part, pl.DataFrame]:
    """The rows of each part."""
    return {part: rows.filter(parts == part) for part in PARTS}


def _count(tally: SplitCounts, part: Part, rows: pl.DataFrame, dataset: Dataset) -> None:
    targets = rows[dataset.target.name].drop_nulls()
    tally.with_target[part] += len(targets)
    if dataset.task != "regression":
        # Under another name, as polars refuses to count a column that is called `count`.
        tally.classes[part].update(dict(targets.value_counts(name="num_rows").iter_rows()))
