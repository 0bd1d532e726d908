"""One pass over all rows: statistics of each column, a sample of rows, repeated rows; and what decisions ask of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl

from tasks.columns import column_type
from tasks.columns.base import ColumnType
from tasks.columns.timestamp.formats import in_utc, parse
from tasks.drafting.column_statistics import ColumnStatistics, as_numbers, grow
from tasks.drafting.sketches import DuplicateCounter, RowSample
from tasks.ingestion.survey import Survey, merge, survey_and_read
from tasks.parallel import num_cores, prefetch
from tasks.params.config import ColumnTypeName
from tasks.sources.base import NumberFormat

_MOST_AGAIN = 0.2
"""Of the rows: if more stand there twice, repeating is what the data do."""


@dataclass(frozen=True, kw_only=True)
class Times:
    """The earliest and the latest of so many timestamps, and the format in which they were read; None of those that
    need none."""

    format: str | None
    earliest: datetime
    latest: datetime
    num_values: int


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """Cells that stand for a missing value: in every column, and in some."""

    everywhere: tuple[str, ...] = ()
    by_column: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SourceProfile:
    """What all rows of a source say. `num_duplicates` counts rows that stand there before, and only the first rows;
    `set_aside` are the columns by which they were not compared."""

    num_rows: int
    columns: Mapping[str, ColumnStatistics]
    surveys: Mapping[str, Survey]
    times: Mapping[str, Times]
    sample: pl.DataFrame
    dtypes: Mapping[str, pl.DataType]
    num_duplicates: int
    num_compared: int
    set_aside: tuple[str, ...] = ()

    def num_repeated(self, columns: Collection[str]) -> int:
        """Rows that stand there before, of those that were compared, by these columns among others."""
        # What was set aside has another value in each row.
        return 0 if set(self.set_aside) & set(columns) else self.num_duplicates


@dataclass(frozen=True, kw_only=True)
class ProfilePlan:
    """What a first look tells the pass: `words` are columns without numbers, `formats` how dates are written that are
    nearly all of a column, `identifiers` tell equal rows apart."""

    tokens: Tokens = field(default_factory=Tokens)
    numbers: NumberFormat = field(default_factory=NumberFormat)
    words: Collection[str] = ()
    formats: Mapping[str, str] = field(default_factory=dict)
    identifiers: Collection[str] = ()


def profile(parts: Iterable[pl.DataFrame], plan: ProfilePlan) -> SourceProfile:
    """Every row once, a batch in memory at a time."""
    columns: dict[str, ColumnSummary] = {}
    dtypes: dict[str, pl.DataType] = {}
    sample, again = RowSample(), DuplicateCounter(plan.identifiers)
    num_rows = 0
    # Threads are enough: polars lets go of Python's lock.
    with ThreadPoolExecutor(num_cores()) as threads:
        for part in prefetch(parts):
            rows = without_tokens(part, plan.tokens)
            dtypes.update(rows.schema)
            # By place: polars takes a name such as `*` for all columns.
            batches = [
                # The same seed for a column in every batch, so that equal values have equal hashes.
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
        set_aside=tuple(name for name in columns if name in plan.identifiers),
    )


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
    written = plan.formats.get(values.name)
    dates = None
    if written and values.dtype == pl.String:
        # The survey has read them, unless a cell of this batch or an earlier one is no date.
        dates = times if times is not None and here.format == written else parse(values, written)
    return ColumnSummary(
        state=grow(before.state if before else ColumnStatistics(), values, numbers, batch.seed, dates),
        times=_with_times(before.times if before else None, times, here.format),
        survey=merge(before.survey, here) if before else here,
    )


def _with_times(before: Times | None, values: pl.Series | None, written: str | None) -> Times | None:
    """Read in another format than before, earlier ones were read wrongly: whoever needs them has to read all again."""
    if values is None or values.dtype not in (pl.Date, pl.Datetime) or values.null_count() == len(values):
        return before
    times = in_utc(values)
    earliest, latest = times.min(), times.max()
    assert isinstance(earliest, datetime)
    assert isinstance(latest, datetime)
    num_values = len(values) - values.null_count()
    if before and before.format == written:
        earliest, latest = min(before.earliest, earliest), max(before.latest, latest)
        num_values += before.num_values
    return Times(format=written, earliest=earliest, latest=latest, num_values=num_values)


def without_tokens(rows: pl.DataFrame, tokens: Tokens) -> pl.DataFrame:
    """With what stands for a missing value as missing."""
    changed = [
        rows[name].set(rows[name].is_in(list(cells)), None)
        for name, cells in tokens.by_column.items()
        if rows.schema[name] == pl.String
    ]
    return rows.with_columns(changed) if changed else rows


@dataclass(frozen=True, kw_only=True)
class Facts:
    """A table, as far as it is known. The sample's columns are numbers, text, truth values and datetimes."""

    profile: SourceProfile
    types: Mapping[str, ColumnTypeName]
    sample: pl.DataFrame
    written: NumberFormat
    """How numbers are written in text."""

    @property
    def num_rows(self) -> int:
        return self.profile.num_rows

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.profile.columns)

    def state(self, name: str) -> ColumnStatistics:
        return self.profile.columns[name]

    def present(self, name: str) -> pl.Series:
        """The sampled values that are there."""
        return self.sample[name].drop_nulls()

    def of_type(self, name: str) -> ColumnType[Any, Any, Any]:
        """What the column is a case of; the decisions ask it, and never by its name."""
        return column_type(self.types[name])

    def is_number(self, name: str) -> bool:
        return self.of_type(name).dtype.is_numeric()

    def is_time(self, name: str) -> bool:
        return self.of_type(name).dtype.is_temporal()

    def is_media(self, name: str) -> bool:
        return self.of_type(name).is_media

    def is_free_text(self, name: str) -> bool:
        return "lengths" in self.of_type(name).statistics

    def has_categories(self, name: str) -> bool:
        """Whether its values are few and come again, as those of categories and truth values do."""
        return "categories" in self.of_type(name).statistics

    def is_unique(self, name: str) -> bool:
        """Whether each row has a value of its own there, but for rows that stand there twice as a whole."""
        state, num_again = self.state(name), self.profile.num_duplicates
        # Rows that were entered twice do not unmake an identifier; where most rows repeat, that is how the data are.
        few_again = num_again <= _MOST_AGAIN * self.profile.num_compared
        # Of a column that is mostly missing, all repeats may stand in the few rows with a value.
        few_again = few_again and state.num_distinct >= (1 - _MOST_AGAIN) * state.num_present
        return state.is_unique or (few_again and state.is_exact and state.num_distinct + num_again >= state.num_present)

    def is_whole(self, name: str) -> bool:
        """Whether the column holds whole numbers, as codes, counts and identifiers do."""
        return self.is_number(name) and self.profile.surveys[name].is_whole

    def estimate(self, num_sampled: int) -> int:
        """How many rows of the table so many rows of the sample stand for."""
        return round(num_sampled * self.num_rows / max(self.sample.height, 1))


def facts(profile: SourceProfile, types: Mapping[str, ColumnTypeName], written: NumberFormat) -> Facts:
    """The sample read as `types` say."""
    # By a mapping: polars calls a nameless series of a list by its place.
    sample = pl.DataFrame({name: _at_rest(profile.sample[name], kind, written) for name, kind in types.items()})
    return Facts(profile=profile, types=types, sample=sample, written=written)


def _at_rest(values: pl.Series, to: ColumnTypeName, written: NumberFormat) -> pl.Series:
    """Images and audio stay what the sample has of them, their sizes."""
    of_type = column_type(to)
    numbers = as_numbers(values, written) if of_type.dtype.is_numeric() else None
    if numbers is not None:
        return numbers
    return values if of_type.is_media else of_type.cast(values)
