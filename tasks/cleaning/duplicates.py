"""Rows that stand twice, and rows whose features stand twice with different targets."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.cleaning.findings import ROW, Findings, PartStarts, empty_findings, findings_of
from tasks.tables.dataset import Dataset
from tasks.tables.row_hashes import equality_hashes

_ROWS_AT_ONCE = 1_000_000
"""Rows that are sorted in memory at one time: 40 MB of hashes, and as much again for their order."""

_NUM_BUCKETS = 256
"""By the first byte of a row's hash: rows with the same features are in one."""

_RECORD = np.dtype([*((name, np.uint64) for name in ("features", "features_2", "others", "target")), ("row", np.int64)])
"""What is kept of a row: 128 bits of its features, 64 of its target and 64 of its other content, and its number.

A duplicate agrees in all 256 bits: two different rows of a thousand million would with a chance below 1e-50.
"""


_LEARNT = ("features", "features_2", "target")


@dataclass(frozen=True)
class RepeatedRows:
    """Rows that repeat an earlier one in every column, and rows that contradict another one.

    `num_alike`: rows that repeat an earlier one in all but the columns that are not learnt from, such as ids: events of
    their own, as far as anybody can tell.
    """

    duplicates: Findings
    conflicts: Findings
    num_alike: int = 0


def find_repeats(
    parts: Iterable[tuple[int, NDArray[np.void]]], dataset: Dataset, starts: Callable[[], PartStarts]
) -> RepeatedRows:
    """Rows that are equal to an earlier one in every column; among the others all with the same features and another
    target, which are looked for among training rows alone, and for the rows that are judged on among all.

    `parts` has for each part where it begins, and its `row_marks`; `starts` is asked once all parts have come. The
    marks lie in a file, 40 bytes a row, and are sorted a few buckets at a time: memory stays flat as rows grow.
    """
    # On disk, so that memory stays flat: 40 bytes a row are 40 GB for a thousand million rows.
    with tempfile.TemporaryFile() as file:
        counts = []
        for start, records in parts:
            records["row"] += start
            file.write(records.tobytes())
            counts.append(np.bincount(_buckets(records), minlength=_NUM_BUCKETS))
        ranges = [_repeated(some, starts().train) for some in _ranges(file, counts)]
    # zip of no ranges has nothing to take apart.
    if not ranges:
        return RepeatedRows(empty_findings(), empty_findings())
    again, against, num_alike = zip(*ranges, strict=True)
    return RepeatedRows(
        _findings(again, "duplicate", "the same values stand in an earlier row"),
        _findings(against, "conflict", f"rows with the same features have another {dataset.target.name}"),
        sum(num_alike),
    )


def row_marks(dataset: Dataset, part: pl.DataFrame) -> NDArray[np.void]:
    """What `find_repeats` knows each row by, [N]: hashes of its columns, and its number, which `ROW` has."""
    features, target = [column.name for column in dataset.features], dataset.target.name
    others = [column.name for column in dataset.columns if column.name != target and column.name not in features]
    records = np.empty(part.height, dtype=_RECORD)
    # Two seeds are 128 bits: 64 would agree by chance in tables of some thousand million rows.
    for name, columns, seed in (
        ("features", features, 0),
        ("features_2", features, 1),
        ("others", others, 0),
        ("target", [target], 0),
    ):
        records[name] = equality_hashes(part, columns, seed)
    records["row"] = part[ROW].to_numpy()
    # What belongs to a bucket lies together, so that nobody reads the whole file for one.
    return records[np.argsort(_buckets(records), kind="stable")]


def _buckets(records: NDArray[np.void]) -> NDArray[np.uint8]:
    return (records["features"] >> np.uint64(56)).astype(np.uint8)


def _ranges(file: IO[bytes], counts: Sequence[NDArray[np.int64]]) -> Iterator[NDArray[np.void]]:
    """The records in groups that keep equal features together, each small enough to sort in memory.

    `counts` has the rows of each bucket, [_NUM_BUCKETS], for each part that was written.
    """
    if not counts:
        return
    # Where each bucket of each part ends, in rows.
    ends = np.cumsum(np.stack(counts)).reshape(-1, _NUM_BUCKETS)
    of_buckets = np.sum(counts, axis=0)
    first = 0
    while first < _NUM_BUCKETS:
        # As many buckets as fit, and one at least.
        many = max(1, int(np.searchsorted(np.cumsum(of_buckets[first:]), _ROWS_AT_ONCE, side="right")))
        last = min(first + many, _NUM_BUCKETS) - 1
        yield np.concatenate(
            [_slice(file, end[first] - count[first], end[last]) for end, count in zip(ends, counts, strict=True)]
        )
        first = last + 1


def _slice(file: IO[bytes], start: int, stop: int) -> NDArray[np.void]:
    # Read, not mapped, as pages of a mapped file count as memory.
    file.seek(int(start) * _RECORD.itemsize)
    return np.frombuffer(file.read(int(stop - start) * _RECORD.itemsize), dtype=_RECORD)


def _repeated(records: NDArray[np.void], first_of_train: int) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """The numbers of rows that repeat an earlier one, and of those among the rest that contradict another; and how many
    of the rest differ from the one before in nothing that is learnt."""
    alike = _shares_its_key(records["features"])
    records = records[alike]
    # The last name sorts first: rows of equal features stand together, and the earliest row of equal ones comes first.
    order = np.lexsort([records[name] for name in ("row", "others", "target", "features_2", "features")])
    records = records[order]
    again = _as_the_one_before(records, ("features", "features_2", "target", "others"))
    # Conflicts are sought among what is left, or a duplicate would be reported twice.
    left = records[~again]
    # What a training row says must not depend on targets of rows that are judged on.
    learnt = left[left["row"] >= first_of_train]
    judged = left[_is_contradicted(left) & (left["row"] < first_of_train)]
    contradicted = np.concatenate([judged["row"], learnt["row"][_is_contradicted(learnt)]])
    return records["row"][again], contradicted, int(_as_the_one_before(left, _LEARNT).sum())


def _is_contradicted(records: NDArray[np.void]) -> NDArray[np.bool_]:
    """Which of the sorted records stand beside one with the same features and another target, [N]."""
    same_features = _as_the_one_before(records, ("features", "features_2"))
    # Each row that differs from the one before in its features begins a group.
    group = np.cumsum(~same_features)
    other_target = same_features & ~_as_the_one_before(records, _LEARNT)
    return np.isin(group, group[other_target])


def _shares_its_key(keys: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Whether another row has the same key, [N]: most rows are done with here, by one sort of plain numbers."""
    ordered = np.sort(keys)
    repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    if not len(repeated):
        return np.zeros(len(keys), dtype=np.bool_)
    # searchsorted answers one past the end for keys above all repeated ones.
    place = np.minimum(np.searchsorted(repeated, keys), len(repeated) - 1)
    alike: NDArray[np.bool_] = repeated[place] == keys
    return alike


def _as_the_one_before(records: NDArray[np.void], names: tuple[str, ...]) -> NDArray[np.bool_]:
    same = np.ones(len(records), dtype=np.bool_)
    # The first row has none before it; a slice, as there may be no row at all.
    same[:1] = False
    for name in names:
        same[1:] &= records[name][1:] == records[name][:-1]
    return same


def _findings(rows: tuple[NDArray[np.int64], ...], rule: str, reason: str) -> Findings:
    # In the order of the rows, and not in that of their hashes.
    numbers = np.sort(np.concatenate(rows))
    return findings_of(pl.Series(numbers), rule, [reason] * len(numbers))
