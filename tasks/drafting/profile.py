"""One pass over all rows: a state for each column, a sample of rows, and how many rows are the same."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.columns.timestamp.formats import in_utc
from tasks.drafting.columns import ColumnStatistics, as_numbers, grow
from tasks.drafting.findings import Tokens
from tasks.ingestion.survey import Survey, merge, survey_and_read
from tasks.parallel import prefetch
from tasks.sources.base import NumberFormat
from tasks.tables.row_hashes import GOLDEN_RATIO, mixed

MAX_HASHED = 2_000_000
"""Rows whose hashes are kept (8 bytes each) to find those that are the same."""

_ROW = "\0row number"
MAX_ROWS = 20_000
MAX_BYTES = 64 << 20
"""Rows of long text or many columns are heavy: fewer of them are kept."""


@dataclass(frozen=True, kw_only=True)
class Times:
    """The earliest and the latest timestamp, and the format in which they were read; None of those that need none."""

    format: str | None
    earliest: datetime
    latest: datetime


@dataclass(frozen=True, kw_only=True)
class SourceProfile:
    """What all rows of a source say. `num_duplicates` counts rows that stand there before, and only the first rows."""

    num_rows: int
    columns: Mapping[str, ColumnStatistics]
    surveys: Mapping[str, Survey]
    times: Mapping[str, Times]
    sample: pl.DataFrame
    dtypes: Mapping[str, pl.DataType]
    num_duplicates: int
    num_compared: int


@dataclass(frozen=True, kw_only=True)
class ProfilePlan:
    """What a first look spares the pass: `words` are columns without numbers, `identifiers` tell equal rows apart."""

    tokens: Tokens = field(default_factory=Tokens)
    numbers: NumberFormat = field(default_factory=NumberFormat)
    words: Collection[str] = ()
    identifiers: Collection[str] = ()


def profile(parts: Iterable[pl.DataFrame], plan: ProfilePlan) -> SourceProfile:
    """Every row once, a batch in memory at a time."""
    columns: dict[str, ColumnSummary] = {}
    dtypes: dict[str, pl.DataType] = {}
    sample, again = RowSample(), DuplicateCounter(plan.identifiers)
    num_rows = 0
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for part in prefetch(parts):
            rows = without_tokens(part, plan.tokens)
            dtypes.update(rows.schema)
            # By place: polars takes a name such as `*` for all columns.
            batches = [
                ColumnBatch(values=values, seed=seed, before=columns.get(values.name), plan=plan)
                for seed, values in enumerate(rows)
            ]
            columns = dict(zip(rows.columns, threads.map(_with_batch, batches), strict=True))
            sample.add(rows)
            again.add(rows)
            num_rows += rows.height
    return SourceProfile(
        num_rows=num_rows,
        columns={name: column.state for name, column in columns.items()},
        times={name: column.times for name, column in columns.items() if column.times},
        surveys={name: column.survey for name, column in columns.items()},
        sample=sample.rows(),
        dtypes=dtypes,
        num_duplicates=again.num_again,
        num_compared=again.num_rows,
    )


class DuplicateCounter:
    """Rows that stand there before, by a hash of each; beyond MAX_HASHED rows they are no longer compared."""

    def __init__(self, identifiers: Collection[str]) -> None:
        self._identifiers = identifiers
        self._hashes: list[NDArray[np.uint64]] = []
        self.num_rows = 0

    def add(self, rows: pl.DataFrame) -> None:
        """Takes in a batch: a row's hash is the sum of those of its cells, as each column has its own seed."""
        if self.num_rows >= MAX_HASHED:
            return
        kept = [place for place, name in enumerate(rows.columns) if name not in self._identifiers]
        # By place: polars takes a name such as `*` for all columns.
        cells = [pl.nth(place).hash(seed=place) for place in kept or range(rows.width)]
        self._hashes.append(rows.select(pl.sum_horizontal(cells)).to_series().to_numpy())
        self.num_rows += rows.height

    @property
    def num_again(self) -> int:
        if not self._hashes:
            return 0
        return self.num_rows - pl.Series(np.concatenate(self._hashes)).n_unique()


@dataclass(frozen=True, kw_only=True)
class ColumnSummary:
    """One column in all batches so far."""

    state: ColumnStatistics
    survey: Survey
    times: Times | None


@dataclass(frozen=True, kw_only=True)
class ColumnBatch:
    """One column in one batch, and what was known of it before."""

    values: pl.Series
    seed: int
    before: ColumnSummary | None
    plan: ProfilePlan


def _with_batch(batch: ColumnBatch) -> ColumnSummary:
    """Reading numbers is most of the work: the survey does, and only where it gives up are they read one by one."""
    values, before, plan = batch.values, batch.before, batch.plan
    here, read = survey_and_read(values, before.survey if before else None, plan.numbers)
    numbers, times = (read, None) if here.is_number else (None, read)
    if numbers is None and values.name not in plan.words:
        numbers = as_numbers(values, plan.numbers)
    return ColumnSummary(
        state=grow(before.state if before else ColumnStatistics(), values, numbers, batch.seed),
        times=_with_times(before.times if before else None, times, here.format),
        survey=merge(before.survey, here) if before else here,
    )


def _with_times(before: Times | None, values: pl.Series | None, written: str | None) -> Times | None:
    """Read in another format than before, earlier ones no longer count: whoever needs them has to read all again."""
    if values is None or values.dtype not in (pl.Date, pl.Datetime) or values.null_count() == len(values):
        return before
    times = in_utc(values)
    earliest, latest = times.min(), times.max()
    assert isinstance(earliest, datetime)
    assert isinstance(latest, datetime)
    if before and before.format == written:
        earliest, latest = min(before.earliest, earliest), max(before.latest, latest)
    return Times(format=written, earliest=earliest, latest=latest)


def without_tokens(rows: pl.DataFrame, tokens: Tokens) -> pl.DataFrame:
    """With what stands for a missing value as missing."""
    changed = [
        rows[name].set(rows[name].is_in(list(cells)), None)
        for name, cells in tokens.by_column.items()
        if rows.schema[name] == pl.String
    ]
    return rows.with_columns(changed) if changed else rows


class RowSample:
    """The rows whose numbers have the smallest hashes. Bytes (images, audio) come in as their sizes."""

    def __init__(self, max_rows: int = MAX_ROWS) -> None:
        self._size = max_rows
        self._threshold = np.uint64(2**64 - 1)
        self._kept: list[pl.DataFrame] = []
        self._num_kept = self._num_rows = 0

    def add(self, rows: pl.DataFrame) -> None:
        """Takes in the next rows of the stream."""
        numbers = np.arange(self._num_rows, self._num_rows + rows.height, dtype=np.uint64)
        self._num_rows += rows.height
        chosen = np.flatnonzero(_hash(numbers) <= self._threshold)
        if not len(chosen):
            return
        self._kept.append(_without_bytes(rows[chosen]).insert_column(0, pl.Series(_ROW, numbers[chosen])))
        self._num_kept += len(chosen)
        if self._num_kept > 2 * self._size:
            self._compact()

    def rows(self) -> pl.DataFrame:
        """The sample in the order of the stream."""
        self._compact()
        return self._kept[0].sort(_ROW).drop(_ROW) if self._kept else pl.DataFrame()

    def _compact(self) -> None:
        if not self._kept:
            return
        together = pl.concat(self._kept, how="vertical_relaxed")
        num_bytes = together.estimated_size()
        if num_bytes > MAX_BYTES:
            self._size = max(1, min(self._size, together.height * MAX_BYTES // int(num_bytes)))
        if together.height > self._size:
            keys = _hash(together[_ROW].to_numpy())
            order = np.argsort(keys)[: self._size]
            self._threshold = keys[order[-1]]
            together = together[order]
        self._kept, self._num_kept = [together], together.height


def _without_bytes(rows: pl.DataFrame) -> pl.DataFrame:
    import polars.selectors as cs

    return rows.with_columns(cs.binary().bin.size())


def _hash(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's finalizer (Steele, Lea and Flood 2014): numbers that follow each other land anywhere."""
    return mixed(numbers + np.uint64(GOLDEN_RATIO))
