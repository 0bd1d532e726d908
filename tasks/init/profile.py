"""One pass over all rows: a state for each column, a sample of rows, and how many rows are the same."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.init.columns import ColumnState, grow
from tasks.init.findings import Tokens
from tasks.init.numbers import as_numbers
from tasks.init.sample import RowSample
from tasks.parallel import ahead
from tasks.sources.base import NumberFormat
from tasks.survey import Survey, merge, survey_and_read

MAX_HASHED = 20_000_000
"""Rows whose hashes are kept (8 bytes each) to find those that are the same."""


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What all rows of a source say. `num_duplicates` counts rows that stand there before, and only the first rows."""

    num_rows: int
    columns: Mapping[str, ColumnState]
    surveys: Mapping[str, Survey]
    sample: pl.DataFrame
    dtypes: Mapping[str, pl.DataType]
    num_duplicates: int
    num_compared: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a first look spares the pass: `words` are columns without numbers, `identifiers` tell equal rows apart."""

    tokens: Tokens = field(default_factory=Tokens)
    numbers: NumberFormat = field(default_factory=NumberFormat)
    words: Collection[str] = ()
    identifiers: Collection[str] = ()


def profile(parts: Iterable[pl.DataFrame], plan: Plan) -> Profile:
    """Every row once, a batch in memory at a time."""
    seen: dict[str, Seen] = {}
    dtypes: dict[str, pl.DataType] = {}
    sample, again = RowSample(), Repeats(plan.identifiers)
    num_rows = 0
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for part in ahead(parts):
            rows = without_tokens(part, plan.tokens)
            dtypes.update(rows.schema)
            # By place: polars takes a name such as `*` for all columns.
            hashes = rows.select(pl.nth(seed).hash(seed=seed) for seed in range(rows.width))
            batches = [
                Batch(values=values, hashes=hashes[values.name], seed=seed, before=seen.get(values.name), plan=plan)
                for seed, values in enumerate(rows)
            ]
            seen = dict(zip(rows.columns, threads.map(_with_batch, batches), strict=True))
            sample.add(rows)
            again.add(hashes)
            num_rows += rows.height
    return Profile(
        num_rows=num_rows,
        columns={name: column.state for name, column in seen.items()},
        surveys={name: column.survey for name, column in seen.items()},
        sample=sample.rows(),
        dtypes=dtypes,
        num_duplicates=again.num_again,
        num_compared=again.num_rows,
    )


class Repeats:
    """Rows that stand there before, by a hash of each; beyond MAX_HASHED rows they are no longer compared."""

    def __init__(self, identifiers: Collection[str]) -> None:
        self._identifiers = identifiers
        self._hashes: list[NDArray[np.uint64]] = []
        self.num_rows = 0

    def add(self, hashes: pl.DataFrame) -> None:
        """Takes in a batch's hashes of cells: a row's hash is their sum, as each column has its own seed."""
        if self.num_rows >= MAX_HASHED:
            return
        kept = [name for name in hashes.columns if name not in self._identifiers] or hashes.columns
        self._hashes.append(hashes[kept].sum_horizontal().to_numpy())
        self.num_rows += hashes.height

    @property
    def num_again(self) -> int:
        if not self._hashes:
            return 0
        return self.num_rows - pl.Series(np.concatenate(self._hashes)).n_unique()


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One column in all batches so far."""

    state: ColumnState
    survey: Survey


@dataclass(frozen=True, kw_only=True)
class Batch:
    """One column in one batch, and what was seen of it before."""

    values: pl.Series
    hashes: pl.Series
    seed: int
    before: Seen | None
    plan: Plan


def _with_batch(batch: Batch) -> Seen:
    """Reading numbers is most of the work: the survey does, and only where it gives up are they read one by one."""
    values, before, plan = batch.values, batch.before, batch.plan
    here, read = survey_and_read(values, before.survey if before else None, plan.numbers)
    numbers = read if here.is_number else None
    if numbers is None and values.name not in plan.words:
        numbers = as_numbers(values, plan.numbers)
    return Seen(
        state=grow(before.state if before else ColumnState(), values, numbers, batch.hashes, batch.seed),
        survey=merge(before.survey, here) if before else here,
    )


def without_tokens(rows: pl.DataFrame, tokens: Tokens) -> pl.DataFrame:
    """With what stands for a missing value as missing."""
    changed = [
        rows[name].set(rows[name].is_in(list(cells)), None)
        for name, cells in tokens.by_column.items()
        if rows.schema[name] == pl.String
    ]
    return rows.with_columns(changed) if changed else rows
