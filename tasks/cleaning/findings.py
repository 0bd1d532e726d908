"""The findings of a rule over the whole table: row numbers, with rule, reason and score."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import polars as pl

ROW = "_row"
"""A column of every part that a rule reads: the row's number over the whole table, from 0."""

Parts = Callable[[], Iterator[pl.DataFrame]]
"""Reads the rows once more, part by part, each with `ROW`; parts may be empty, and numbers may have gaps."""

Findings = pl.DataFrame
"""row Int64, rule String, reason String, score Float64 (missing where a rule has none): sorted, at most one a row."""

SCHEMA: dict[str, pl.DataType] = {
    "row": pl.Int64(),
    "rule": pl.String(),
    "reason": pl.String(),
    "score": pl.Float64(),
}


@dataclass(frozen=True, kw_only=True)
class PartStarts:
    """The numbers at which the rows of validation and of train begin; those of the test begin at 0.

    Rows that are judged on come first: of near duplicates the earlier stays, and the test is not ours to choose.
    """

    validation: int = 0
    train: int = 0

    def name(self, row: int) -> str:
        """What a person is told of a row: its number in its part."""
        if row >= self.train:
            return f"row {row - self.train}"
        return f"row {row - self.validation} of validation" if row >= self.validation else f"row {row} of the test"

    def is_leak(self, row: int, other: int) -> bool:
        """Whether the row is learnt from, and the other one judged on."""
        return other < self.train <= row


ALL_TRAIN = PartStarts()
"""Of a table without rows to be judged on."""


def empty_findings() -> Findings:
    """No row at all."""
    return pl.DataFrame(schema=SCHEMA)


def findings_of(
    rows: pl.Series,
    rule: str | Sequence[str],
    reasons: pl.Series | Sequence[str],
    scores: pl.Series | Sequence[float] | None = None,
) -> Findings:
    """The rows of these numbers, each found by `rule` for its own reason."""
    # The dtype is given: of missing scores alone polars would make a column of type Null.
    given = pl.Series("score", scores if scores is not None else [None] * len(rows), dtype=pl.Float64)
    columns = [
        rows.cast(pl.Int64).alias("row"),
        pl.Series("rule", [rule] * len(rows) if isinstance(rule, str) else rule, dtype=pl.String),
        pl.Series("reason", reasons, dtype=pl.String),
        given,
    ]
    # Rules find rows in any order, and what they leave must not depend on it.
    return pl.DataFrame(columns).sort("row")
