"""What the decisions look at: the pass over all rows, each column's type, and a sample as the types read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from tasks.columns import column_type
from tasks.drafting.columns import ColumnStatistics, as_numbers
from tasks.drafting.profile import SourceProfile
from tasks.params.config import ColumnTypeName
from tasks.sources.base import NumberFormat

_MOST_AGAIN = 0.2
"""Of the rows: if more stand there twice, repeating is what the data do."""


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

    def is_unique(self, name: str) -> bool:
        """Whether each row has a value of its own there, but for rows that stand there twice as a whole."""
        state, num_again = self.state(name), self.profile.num_duplicates
        few_again = num_again <= _MOST_AGAIN * self.profile.num_compared
        return state.is_unique or (few_again and state.is_exact and state.num_distinct + num_again >= state.num_present)

    def is_whole(self, name: str) -> bool:
        """Whether the column holds whole numbers, as codes, counts and identifiers do."""
        return self.types[name] == "number" and self.profile.surveys[name].is_whole

    def estimate(self, num_sampled: int) -> int:
        """How many rows of the table so many rows of the sample stand for."""
        return round(num_sampled * self.num_rows / max(self.sample.height, 1))


def facts(profile: SourceProfile, types: Mapping[str, ColumnTypeName], written: NumberFormat) -> Facts:
    """The sample read as `types` say."""
    columns = [_at_rest(profile.sample[name], kind, written) for name, kind in types.items()]
    return Facts(profile=profile, types=types, sample=pl.DataFrame(columns), written=written)


def _at_rest(values: pl.Series, to: ColumnTypeName, written: NumberFormat) -> pl.Series:
    """Images and audio stay what the sample has of them, their sizes."""
    numbers = as_numbers(values, written) if to == "number" else None
    if numbers is not None:
        return numbers
    return values if to in ("image", "audio") else column_type(to).cast(values)
