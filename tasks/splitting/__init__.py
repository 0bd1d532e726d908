"""Which part each row belongs to: a file for each kind of split."""

from __future__ import annotations

from tasks.params.split import GivenSplit, GroupSplit, HashSplit, Split, TimeSplit
from tasks.splitting.base import Assign, Read
from tasks.splitting.given import by_given
from tasks.splitting.groups import by_group
from tasks.splitting.hashed import by_hash
from tasks.splitting.key import Key
from tasks.splitting.times import by_time
from tasks.tables.dataset import Dataset


def assigner(config: Split, dataset: Dataset, key: Key, read: Read) -> Assign:
    """What names each row's part, by its key; `read` is only called for what a row alone does not tell.

    Raises UserError when a column is missing or of no use, or the sizes leave no rows to train on.
    """
    match config:
        case HashSplit():
            return by_hash(config, dataset, key, read)
        case GroupSplit():
            return by_group(config, dataset, key, read)
        case TimeSplit():
            return by_time(config, dataset, read)
        case GivenSplit():
            return by_given(config, dataset, key, read)
