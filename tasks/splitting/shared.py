"""Rows of validation and test whose exact content train holds too: the model has seen the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.params.split import GivenSplit, GroupSplit, HashSplit, Split
from tasks.paths import Part
from tasks.splitting.groups import group_column
from tasks.splitting.key import Key, parts_repeats
from tasks.splitting.times import order_name
from tasks.tables.dataset import Dataset
from tasks.tables.row_hashes import equality_hashes

Hashes = Mapping[Part, Sequence[NDArray[np.uint64]]]


def may_share(config: Split, dataset: Dataset, key: Key) -> bool:
    """Whether rows of one content can be on two sides: as the data say, or by a column that is no part of it."""
    match config:
        # Identical rows have one hash, and so one part; or they are events of their own, and no leak.
        case HashSplit():
            return not parts_repeats(config) and not set(key.names) <= set(dataset.content_names)
        case GivenSplit():
            return True
        case GroupSplit():
            # Identical rows have the same group where it is part of what is compared.
            return group_column(config, dataset) not in dataset.content_names
        case _:
            return order_name(config, dataset) not in dataset.content_names


def content_hashes(rows: pl.DataFrame, dataset: Dataset) -> NDArray[np.uint64]:
    """64 bits of what makes each row what it is, [N]."""
    return equality_hashes(rows, dataset.content_names)


def num_shared(hashes: Hashes) -> dict[str, int]:
    """How many rows of validation and of the test stand in train too; 8 bytes a row of `content_hashes` are held."""
    # Hashes are only kept where rows can be on two sides.
    if not hashes["train"]:
        return {"validation": 0, "test": 0}
    learnt = _table(hashes["train"])
    return {part: _table(hashes[part]).join(learnt, on="hash", how="semi").height for part in ("validation", "test")}


def _table(hashes: Sequence[NDArray[np.uint64]]) -> pl.DataFrame:
    return pl.DataFrame({"hash": np.concatenate(hashes)})
