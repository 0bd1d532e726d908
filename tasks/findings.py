"""What validation found, rule by rule: which rows go to quarantine and why, and when the run is refused.

Pure functions on findings and the table; `tasks.validate` asks Great Expectations and writes what comes out here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import polars as pl

from tasks.expectations import Rule
from tasks.params import Validate
from tasks.quarantine import add_findings, no_findings

NUM_EXAMPLES = 5
NUM_SAMPLED = 20
"""Different bad values that Data Docs show for an expectation: as many as Great Expectations shows by default."""

LONGEST_SHOWN = 80
"""Characters of a value in reports: enough to know it again, and a long text leaves the page readable."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What came out for one rule. `rows` are the rows that fail it; None when it is about the table as a whole."""

    rule: Rule
    success: bool
    rows: tuple[int, ...] | None
    observed: Any = None


def reasons(findings: list[Finding], table: pl.DataFrame) -> pl.DataFrame:
    """Per row, the first critical rule that it fails and why (`_rule`, `_reason`); missing where it may pass."""
    found = no_findings(table.height)
    for finding in findings:
        if finding.rule.severity == "critical" and finding.rows:
            why: list[str | None] = [None] * table.height
            for row, values in zip(finding.rows, failing_values(table, finding), strict=True):
                why[row] = _reason(finding.rule, values)
            found = add_findings(found, finding.rule.label, pl.Series(why, dtype=pl.String))
    return found


def summarize(findings: list[Finding], table: pl.DataFrame, config: Validate, quarantine: str) -> dict[str, Any]:
    """The content of validation.json; `quarantine` is where the rows lie that failed."""
    taken = {row for finding in findings if finding.rule.severity == "critical" for row in finding.rows or ()}
    refusals = [_why_refused(finding, table) for finding in findings if _refuses(finding)]
    if len(taken) > config.max_quarantined * table.height:
        share = _percent(len(taken), table.height)
        refusals.append(
            f"{len(taken):,} of {table.height:,} rows ({share}) fail critical expectations, more than "
            f"validate.max_quarantined allows ({config.max_quarantined:.1%})"
        )
    return {
        "success": not refusals,
        "num_rows": table.height,
        "num_quarantined": len(taken),
        "share_quarantined": round(len(taken) / max(table.height, 1), 6),
        "max_quarantined": config.max_quarantined,
        "quarantine": quarantine,
        "refusals": refusals,
        "expectations": [_entry(finding, table) for finding in findings],
    }


def failing_values(table: pl.DataFrame, finding: Finding) -> list[tuple[Any, ...]]:
    """The values that failed, a tuple of the rule's columns for each failing row."""
    return table.select(finding.rule.columns)[list(finding.rows or ())].rows()


def shown(value: Any) -> str:
    """A value in short, as reports show it."""
    if value is None:
        return "missing"
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"
    if isinstance(value, list):
        return shown(", ".join(map(shown, value)))
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"


def shown_together(values: tuple[Any, ...]) -> str:
    """The values of one row in short."""
    return ", ".join(map(shown, values))


def _reason(rule: Rule, values: tuple[Any, ...]) -> str:
    said = " and ".join(f"{column} is {shown(value)}" for column, value in zip(rule.columns, values, strict=True))
    demanded = ", ".join(f"{key} {shown(limit)}" for key, limit in rule.limits.items() if key != "mostly")
    return f"{said} ({demanded})" if demanded else said


def _refuses(finding: Finding) -> bool:
    """Rows that fail are counted together; alone, only a rule about the table or with a share of its own refuses."""
    alone = finding.rows is None or finding.rule.kwargs.get("mostly", 1) < 1
    return finding.rule.severity == "critical" and not finding.success and alone


def _why_refused(finding: Finding, table: pl.DataFrame) -> str:
    demanded = ", ".join(f"{key} {shown(limit)}" for key, limit in finding.rule.limits.items())
    if finding.rows is None:
        observed = "" if finding.observed is None else f": observed {shown(finding.observed)}"
    else:
        observed = f": {len(finding.rows):,} rows fail ({_percent(len(finding.rows), table.height)})"
    return f"{finding.rule.label} fails{observed}" + (f", demanded {demanded}" if demanded else "")


def _percent(count: int, total: int) -> str:
    return f"{count / max(total, 1):.1%}"


def _entry(finding: Finding, table: pl.DataFrame) -> dict[str, Any]:
    rule, rows = finding.rule, finding.rows
    return {
        "type": rule.type,
        "column": ", ".join(rule.columns) or None,
        "severity": rule.severity,
        "success": finding.success,
        "num_unexpected": None if rows is None else len(rows),
        "share": None if rows is None else round(len(rows) / max(table.height, 1), 6),
        "examples": _examples(finding, table),
        "limits": {key: _short_limit(limit) for key, limit in rule.limits.items()},
    }


def _examples(finding: Finding, table: pl.DataFrame) -> list[str]:
    """The first different values that fail, in the order of the rows, or what was observed instead."""
    if finding.rows is None:
        return [] if finding.success or finding.observed is None else [shown(finding.observed)]
    return list(dict.fromkeys(map(shown_together, failing_values(table, finding))))[:NUM_EXAMPLES]


def _short_limit(limit: Any) -> Any:
    return f"{len(limit):,} values" if isinstance(limit, list) and len(limit) > NUM_SAMPLED else limit
