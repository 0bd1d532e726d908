"""Rows that a stage takes out: kept with stage, rule and reason, so that none is ever lost."""

from __future__ import annotations

import polars as pl

STAGE, RULE, REASON, SCORE = "_stage", "_rule", "_reason", "_score"
OWN_COLUMNS = (STAGE, RULE, REASON, SCORE)
"""What stands beside a row's own columns in quarantine and among flagged rows; none of a source may be called so."""


def no_findings(num_rows: int) -> pl.DataFrame:
    """No findings yet: a rule and a reason for each row, both missing."""
    # The dtype is given: of missing values alone polars would make a column of type Null.
    missing = pl.repeat(None, num_rows, dtype=pl.String, eager=True)
    return pl.DataFrame({RULE: missing, REASON: missing})


def add_findings(findings: pl.DataFrame, rule: str, reasons: pl.Series) -> pl.DataFrame:
    """Adds one rule's reasons; a row that another rule has a finding for keeps that one."""
    # In most parts most rules find nothing.
    if reasons.null_count() == len(reasons):
        return findings
    # The first rule counts: one row is one line in quarantine, whatever else is wrong with it.
    new = findings[RULE].is_null() & reasons.is_not_null()
    return findings.with_columns(
        pl.when(new).then(pl.lit(rule)).otherwise(RULE).alias(RULE),
        pl.when(new).then(reasons).otherwise(REASON).alias(REASON),
    )


def split_rows(rows: pl.DataFrame, findings: pl.DataFrame, stage: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows that are kept, and those that are quarantined, these with `_stage`, `_rule` and `_reason`."""
    bad = findings[RULE].is_not_null()
    quarantined = rows.with_columns(pl.lit(stage).alias(STAGE), findings[RULE], findings[REASON]).filter(bad)
    return rows.filter(~bad), quarantined
