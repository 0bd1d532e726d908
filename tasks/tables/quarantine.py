"""Rows that a stage takes out: kept with stage, rule and reason, so that none is ever lost."""

from __future__ import annotations

import polars as pl

STAGE, RULE, REASON = "_stage", "_rule", "_reason"


def no_findings(num_rows: int) -> pl.DataFrame:
    """Nothing found yet: a rule and a reason for each row, both missing."""
    missing = pl.repeat(None, num_rows, dtype=pl.String, eager=True)
    return pl.DataFrame({RULE: missing, REASON: missing})


def add_findings(found: pl.DataFrame, rule: str, reasons: pl.Series) -> pl.DataFrame:
    """Adds one rule's reasons; a row that another rule has found before keeps that one."""
    new = found[RULE].is_null() & reasons.is_not_null()
    return found.with_columns(
        pl.when(new).then(pl.lit(rule)).otherwise(RULE).alias(RULE),
        pl.when(new).then(reasons).otherwise(REASON).alias(REASON),
    )


def split_rows(rows: pl.DataFrame, found: pl.DataFrame, stage: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows that stay, and the rows that go, these with `_stage`, `_rule` and `_reason`."""
    bad = found[RULE].is_not_null()
    taken = rows.with_columns(pl.lit(stage).alias(STAGE), found[RULE], found[REASON]).filter(bad)
    return rows.filter(~bad), taken
