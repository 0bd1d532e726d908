"""Split by group: rows of one person, machine or recording stay together."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.errors import UserError
from tasks.params.split import GroupSplit, HashSplit, Split
from tasks.splitting.base import Assign, Read, below, has_counts, nearest_cuts, refuse_feature, sizes, split_column
from tasks.splitting.key import Key
from tasks.tables.dataset import Dataset
from tasks.tables.row_hashes import unit_interval
from tasks.wording import counted


def by_group(config: GroupSplit, dataset: Dataset, key: Key, read: Read) -> Assign:
    """Each row's part from the hash of its group and the seed; shares are those of the groups, in expectation.

    With counts, groups are taken in the order of their hashes until the nearest number of rows is reached; no group
    is ever cut. Raises UserError when the column is missing, is a feature, or has fewer groups than there are parts.
    """
    name, salt = group_column(config, dataset), str(config.seed)
    test, held_out = config.test, config.test + config.validation
    if has_counts(config):
        test, held_out = _exact_cuts(config, name, key, read)
    return lambda rows: below(group_positions(rows, name, key, salt), test, held_out)


def group_column(config: GroupSplit, dataset: Dataset) -> str:
    """The column that names groups: any that the model does not learn from."""
    column = split_column(config.column, "group", dataset)
    refuse_feature(column, "group")
    return column.name


def ignored_group(config: Split, dataset: Dataset) -> str | None:
    """A column with the role group of which a split by hash knows nothing; None where there is none."""
    groups = [column.name for column in dataset.columns if column.role == "group"]
    return groups[0] if groups and isinstance(config, HashSplit) and config.key != (groups[0],) else None


def group_positions(rows: pl.DataFrame, name: str, key: Key, salt: str) -> NDArray[np.float64]:
    """A number in [0, 1) for each row, [N], from its group and the salt; a row without a group is one of its own."""
    hashes = key.hashes_of(rows, [name], salt)
    is_missing = rows[name].is_null()
    if is_missing.any():
        # All rows without a group would else be one group, and as one go to one side.
        hashes = hashes.zip_with(~is_missing, key.hashes(rows, salt))
    return unit_interval(hashes).to_numpy()


def _exact_cuts(config: GroupSplit, name: str, key: Key, read: Read) -> tuple[float, float]:
    """The positions below which groups are for the test, and below which they are held out."""
    places, counts = _counted(config, name, key, read)
    # A part without a group would be empty.
    if len(places) < 3:
        raise UserError(
            f"split.column: column {name} has {counted(len(places), 'group')}, and three parts need three; "
            "bring rows of more groups, or split another way, such as `split: {kind: hash}`"
        )
    first, second = nearest_cuts(counts, *sizes(config, int(counts.sum())))
    return float(places[first]), float(places[second])


def _counted(config: GroupSplit, name: str, key: Key, read: Read) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Each group's position in order, and its rows; holds 16 bytes for each group of each part."""
    # Only rows without a group need their content: else a single column is read.
    all_known = not any(rows[name].null_count() for rows in read([name]))
    # The group may be part of the content, and a column is read once.
    columns = [name] if all_known else list(dict.fromkeys([name, *key.columns]))
    salt = str(config.seed)
    counted = [np.unique(group_positions(rows, name, key, salt), return_counts=True) for rows in read(columns)]
    places, which = np.unique(np.concatenate([places for places, _ in counted]), return_inverse=True)
    counts = np.zeros(len(places), dtype=np.int64)
    # A group may have rows in several parts, and += would count one of them.
    np.add.at(counts, which, np.concatenate([counts for _, counts in counted]))
    return places, counts
