"""Folds for cross validation: which of k folds each training row belongs to, and a small pipeline for each of them.

What clean, normalize and augment learn, they learn in each fold anew, from the rows of the other folds: what was learnt
from a row must not be used to judge on it (Stone, 1974, doi:10.1111/j.2517-6161.1974.tb00994.x; Hastie, Tibshirani and
Friedman, The Elements of Statistical Learning, section 7.10.2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks import files
from tasks.errors import UserError
from tasks.params.split import GroupSplit, KeyedSplit, Split
from tasks.paths import FoldStage, Paths
from tasks.splitting.fold_paths import FoldPaths
from tasks.splitting.groups import group_column, group_positions
from tasks.splitting.key import Key, Placer
from tasks.tables import storage
from tasks.tables.dataset import Dataset
from tasks.tables.storage import TableWriter


def num_folds(config: Split) -> int:
    """How many folds there are; none in time, where no fold may be learnt from what came after it."""
    return config.folds if isinstance(config, KeyedSplit) else 0


def fold_numbers(
    rows: pl.DataFrame, config: KeyedSplit, dataset: Dataset, key: Key, place: Placer
) -> NDArray[np.int64]:
    """The fold of each training row, [N] in [0, k); `place` is what places rows by their key.

    By a hash with a salt of its own, so that folds do not follow the positions that the parts were cut by: stratified
    in expectation, and rows of one key and rows of one group are in one fold.
    """
    salt = f"fold {config.seed}"
    if isinstance(config, GroupSplit):
        # A group is in one fold for the same reason that it is in one part.
        places = group_positions(rows, group_column(config, dataset), key, salt)
    else:
        places = place(rows, salt)
    numbers: NDArray[np.int64] = np.floor(places * config.folds).astype(np.int64)
    return numbers


def check_folds(num_rows: list[int], config: Split) -> None:
    """Refuses folds that no row fell into. Raises UserError."""
    if 0 in num_rows:
        units = "groups" if isinstance(config, GroupSplit) else "rows"
        raise UserError(
            f"split.folds: no row falls into fold {num_rows.index(0)} of {len(num_rows)}; "
            f"make split.folds smaller, bring more {units}, or try another split.seed"
        )


class FoldWriter:
    """The tables of all folds: a row is a test row in its own fold, and a training row in all others."""

    def __init__(self, train: list[TableWriter], test: list[TableWriter]) -> None:
        self._train = train
        self._test = test

    @property
    def num_rows(self) -> list[int]:
        """The rows of each fold."""
        return [table.num_rows for table in self._test]

    def append(self, rows: pl.DataFrame, folds: NDArray[np.int64]) -> None:
        """Training rows with their fold, [N]."""
        for number, (train, test) in enumerate(zip(self._train, self._test, strict=True)):
            inside = pl.Series(folds == number)
            train.append(rows.filter(~inside))
            test.append(rows.filter(inside))


@contextmanager
def fold_writer(paths: Paths, count: int) -> Iterator[FoldWriter]:
    """The tables of so many folds: all of them are there when the block ends, and none if it fails."""
    _begin(paths, "split")
    with ExitStack() as stack:
        folds = [FoldPaths.of(paths, number) for number in range(count)]
        train = [stack.enter_context(storage.table_writer(fold.split("train"))) for fold in folds]
        test = [stack.enter_context(storage.table_writer(fold.split("test"))) for fold in folds]
        yield FoldWriter(train, test)
    _end(paths, "split", count)


def fold_paths(paths: Paths, stage: FoldStage) -> list[FoldPaths]:
    """The folds that the stage has left; none where split made none."""
    file = _count_file(paths, stage)
    count = files.read_json(file)["num_folds"] if file.exists() else 0
    return [FoldPaths.of(paths, number) for number in range(count)]


def in_each_fold(paths: Paths, after: FoldStage, stage: FoldStage, work: Callable[[FoldPaths], object]) -> None:
    """Does a stage's work once more for each fold that the stage before it has left.

    Raises UserError that names the fold: the whole pipeline went well, so the user has to know that it was one.
    """
    folds = fold_paths(paths, after)
    _begin(paths, stage)
    for fold in folds:
        with naming(fold):
            work(fold)
    _end(paths, stage, len(folds))


@contextmanager
def naming(fold: FoldPaths) -> Iterator[None]:
    """Has an error say in which fold it arose."""
    try:
        yield
    except UserError as error:
        raise UserError(f"cross validation without fold {fold.number}: {error}") from None


def _begin(paths: Paths, stage: FoldStage) -> None:
    # Of an earlier run there may be more folds, which nobody would read, and DVC would keep.
    files.remove(paths.folds(stage))


def _end(paths: Paths, stage: FoldStage, count: int) -> None:
    # Written last, and without folds too: DVC wants each output to be there, and warns of an empty folder.
    files.write_json(_count_file(paths, stage), {"num_folds": count})


def _count_file(paths: Paths, stage: FoldStage) -> Path:
    return paths.folds(stage) / "folds.json"
