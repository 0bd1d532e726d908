"""Training rows where they lie: read part by part, so that memory is that of a part however many rows there are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.model_input.block_columns import brought, read_examples
from tasks.model_input.inputs import WEIGHT, Examples, Field, Spec
from tasks.tables import storage

_SPARSE_ENTRY = 8
"""Bytes of an entry of a sparse block: its value and its column index."""
_SPARSE_ROW = 4
"""Bytes of where a row of a sparse block begins."""


@dataclass(frozen=True, kw_only=True)
class StoredExamples:
    """Encoded rows with their targets, in Parquet files: what `inputs.Examples` is, but for the memory.

    `target` is the target's column. Every method raises UserError for a file that is missing or damaged.
    """

    spec: Spec
    target: str
    files: tuple[Path, ...]

    @cached_property
    def part_rows(self) -> tuple[int, ...]:
        """The rows of each file, from its footer."""
        return tuple(map(storage.count_part, self.files))

    @property
    def num_rows(self) -> int:
        return sum(self.part_rows)

    @cached_property
    def num_bytes(self) -> int:
        """The size of all blocks once they are decoded."""
        return sum(self._field_bytes(field) for field in self.spec.fields)

    def part(self, number: int) -> Examples:
        """The rows of one file."""
        return read_examples(self.spec, self.target, [storage.read_part(self.files[number], self._columns)])

    def parts(self) -> Iterator[Examples]:
        """The rows of each file in order, one file in memory at a time."""
        return map(self.part, range(len(self.files)))

    def loaded(self) -> Examples:
        """All rows in memory, for a trainer that needs them there."""
        parts = (storage.read_part(file, self._columns) for file in self.files)
        return read_examples(self.spec, self.target, parts)

    def sample(self, num_rows: int, seed: int = 0) -> tuple[NDArray[np.int64], Examples]:
        """So many rows drawn at random, or all if there are no more, in their order: their numbers, and they."""
        numbers = np.arange(self.num_rows)
        if num_rows < self.num_rows:
            numbers = np.sort(np.random.default_rng(seed).choice(self.num_rows, num_rows, replace=False))
        starts = np.cumsum([0, *self.part_rows])
        frames = []
        for file, start, end in zip(self.files, starts, starts[1:], strict=False):
            own = numbers[(numbers >= start) & (numbers < end)] - start
            if len(own):
                frames.append(storage.read_part(file, self._columns)[own.tolist()])
        return numbers, read_examples(self.spec, self.target, frames)

    def targets(self) -> NDArray[Any]:
        """All rows' targets [N]; nothing else is read."""
        columns = (storage.read_part(file, [self.target])[self.target] for file in self.files)
        return np.concatenate([column.to_numpy() for column in columns])

    def weights(self) -> NDArray[np.float64] | None:
        """How much each of all rows counts, [N]; None where all count the same."""
        if WEIGHT not in self._columns:
            return None
        return np.concatenate([storage.read_part(file, [WEIGHT])[WEIGHT].to_numpy() for file in self.files])

    @cached_property
    def _columns(self) -> list[str]:
        """What is read of a part."""
        there = storage.column_names(self.files[0].parent) if self.files else []
        return [*(field.name for field in self.spec.fields), self.target, *brought(self.spec, self.target, there)]

    def _field_bytes(self, field: Field) -> int:
        if field.kind == "sparse":
            # Rows differ in their entries, so these are counted.
            return _SPARSE_ENTRY * self._num_entries(field) + _SPARSE_ROW * (self.num_rows + 1)
        return field.row_bytes * self.num_rows

    def _num_entries(self, field: Field) -> int:
        """How many numbers of a sparse column are not zero, of which the footers do not tell."""
        entries = pl.col(field.name).list.len().sum()
        return sum(int(storage.read_part(file, [field.name]).select(entries).item()) for file in self.files)
