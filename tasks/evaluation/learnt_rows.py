"""Which rows a version has learnt from, so that nobody is judged by them later: a hash for each, and what it is of.

Splits may change, and a row that is tested today may have been learnt by the champion in its time, which would flatter
it. Rows are told by the columns that decide their part (`split.key`, or all that makes a row what it is).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks import files
from tasks.params.split import Split
from tasks.paths import Paths
from tasks.splitting.key import Key, parts_repeats
from tasks.tables import storage
from tasks.tables.dataset import Dataset

LEARNT = "row"
"""The column of the table that is kept with a version."""


def row_key(split: Split, paths: Paths, dataset: Dataset) -> dict[str, list[str]] | None:
    """What tells rows apart, as `split` took it: the names of the columns, and of those that stand in where they are
    missing.

    None where equal rows are other rows (`repeats: apart`): one of them being learnt says nothing of the next.
    """
    if parts_repeats(split):
        return None
    return {"names": files.read_json(paths.split_report)["key"], "content": dataset.asked_names}


def learnt_rows(known_by: Mapping[str, Any], paths: Paths, dataset: Dataset) -> pl.DataFrame:
    """The hashes of the training and validation rows, each once, in order: the latter say how long was trained."""
    key = _key(known_by, dataset)
    parts = [
        key.hashes(rows, "").alias(LEARNT)
        for part in ("train", "validation")
        for rows in storage.read_parts(paths.split(part), key.columns)
    ]
    return pl.concat(parts).unique().sort().to_frame()


def are_learnt(
    rows: Iterable[pl.DataFrame], learnt: pl.DataFrame, known_by: Mapping[str, Any], dataset: Dataset
) -> NDArray[np.bool_] | None:
    """Of each row [N] whether it is among those; None where the rows lack what they are known by."""
    known = []
    for part in rows:
        key, there = _key(known_by, dataset), set(part.columns)
        if not there.issuperset(key.names):
            return None
        # Rows without any of the names are told by all else, as long as all of that is there.
        key = key if there.issuperset(key.content) else replace(key, content=key.names)
        known.append(key.hashes(part, "").is_in(learnt[LEARNT].implode()))
    return pl.concat(known).to_numpy()


def _key(known_by: Mapping[str, Any], dataset: Dataset) -> Key:
    dialects = {column.name: column.dialect for column in dataset.columns}
    return Key(tuple(known_by["names"]), tuple(known_by["content"]), dialects)
