"""What validation found, rule by rule: which rows go to quarantine and why, and when the run is refused.

Pure functions on findings and parts; `tasks.validate` asks Great Expectations and writes what comes out here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.params.validate import Validate
from tasks.tables.origins import PartOrigins
from tasks.tables.quarantine import REASON, add_findings, no_findings
from tasks.validation.demands import demand, unlike_columns
from tasks.validation.expectations import Rule
from tasks.validation.shown import shown
from tasks.wording import counted, percent

NUM_EXAMPLES = 5
NUM_SAMPLED = 20
"""Different bad values that Data Docs show for an expectation: as many as Great Expectations shows by default."""

NUM_NAMED = 3
"""Values of a rule that a message names."""

NUM_COUNTED = 10_000
"""Different bad values of an expectation that are counted; those that first come after so many are not."""

Failing = list[tuple[Rule, NDArray[np.int64]]]
"""The rules about rows, in the suite's order, each with the rows of a part that fail it."""


class FailureTally:
    """How many rows fail a rule, and with which values, in the order of the rows: the same however they are cut."""

    def __init__(self, rule: Rule) -> None:
        self.num_rows = 0
        self.values: Counter[str] = Counter()
        self._columns = list(rule.columns)

    def add(self, part: pl.DataFrame, rows: NDArray[np.int64]) -> None:
        """Counts the failing rows of one part."""
        if not len(rows):
            return
        self.num_rows += len(rows)
        different = part.select(self._columns)[rows].group_by(self._columns, maintain_order=True).len("_count")
        for *values, count in different.iter_rows():
            value = shown_together(tuple(values))
            # What is counted already goes on being counted, so that its number is right.
            if value in self.values or len(self.values) < NUM_COUNTED:
                self.values[value] += count


@dataclass(frozen=True, kw_only=True)
class ExpectationResult:
    """What came out for one rule. `tally` is of the rows that fail it; None when it is about the table as a whole."""

    rule: Rule
    success: bool
    tally: FailureTally | None
    observed: Any = None

    @property
    def num_failing(self) -> int | None:
        return None if self.tally is None else self.tally.num_rows


def reasons(failing: Failing, part: pl.DataFrame, known: pl.DataFrame | None = None) -> pl.DataFrame:
    """Per row, the first critical rule that it fails and why (`_rule`, `_reason`); missing where it may pass.

    What is `known` against a row already comes first.
    """
    failures = no_findings(part.height) if known is None else known
    for rule, rows in failing:
        if rule.severity == "critical" and len(rows):
            why: list[str | None] = [None] * part.height
            for row, values in zip(rows, part.select(rule.columns)[rows].iter_rows(), strict=True):
                why[row] = _reason(rule, values)
            failures = add_findings(failures, rule.label, pl.Series(why, dtype=pl.String))
    return failures


def with_places(failures: pl.DataFrame, origins: PartOrigins | None) -> pl.DataFrame:
    """Each reason behind the place of its row in the source, such as `members.csv:302`."""
    if origins is None:
        return failures
    why = failures[REASON].to_list()
    placed = [None if reason is None else f"{origins.place(row)}: {reason}" for row, reason in enumerate(why)]
    return failures.with_columns(pl.Series(REASON, placed, dtype=pl.String))


@dataclass(frozen=True, kw_only=True)
class RowCounts:
    """The rows that came in, and those of them that went to quarantine."""

    num_rows: int
    num_quarantined: int

    def share(self, count: int) -> float:
        # A table without rows has no share of anything.
        return count / max(self.num_rows, 1)


def summarize(
    findings: list[ExpectationResult],
    counts: RowCounts,
    config: Validate,
    quarantine: str,
    unread: Sequence[dict[str, Any]] = (),
    places: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, Any]:
    """The content of validation.json; `quarantine` is where the rows lie that failed, `unread` what no type fits.

    `places` is where the first rows stand that fail a rule, by its label.
    """
    refusals = [_why_refused(finding, counts) for finding in findings if _refuses(finding)]
    if counts.num_quarantined > config.max_quarantined * counts.num_rows:
        share = percent(counts.share(counts.num_quarantined))
        refusals.append(
            f"{counts.num_quarantined:,} of {counts.num_rows:,} rows ({share}) fail "
            f"critical expectations, more than validate.max_quarantined allows ({percent(config.max_quarantined)})"
        )
    return {
        "success": not refusals,
        "num_rows": counts.num_rows,
        "num_quarantined": counts.num_quarantined,
        "share_quarantined": round(counts.share(counts.num_quarantined), 6),
        "max_quarantined": config.max_quarantined,
        "quarantine": quarantine,
        "refusals": refusals,
        "failing_rules": _by_rule(findings, unread, places or {}),
        "unread": list(unread),
        "expectations": [_entry(finding, counts) for finding in findings],
    }


def _by_rule(
    findings: list[ExpectationResult], unread: Sequence[dict[str, Any]], places: Mapping[str, Sequence[str]]
) -> list[str]:
    """A sentence for each critical rule that rows fail, the most rows first: what it asks, values, and where."""
    sentences: list[tuple[int, str]] = []
    for entry in unread:
        values = dict(zip(entry["examples"], entry["num_examples"], strict=True))
        words = _rows(entry["num_unexpected"], values, places.get(entry["type"], ()))
        demanded = f"{entry['column']} must be of type {entry['limits']['type']} ({entry['type']})"
        sentences.append((entry["num_unexpected"], f"{demanded}: {words}"))
    for finding in findings:
        tally, rule = finding.tally, finding.rule
        if tally is not None and tally.num_rows and rule.severity == "critical":
            words = _rows(tally.num_rows, tally.values, places.get(rule.label, ()))
            sentences.append((tally.num_rows, f"{demand(rule)}: {words}"))
    return [sentence for _, sentence in sorted(sentences, key=lambda one: -one[0])]


def _rows(num_rows: int, values: Mapping[str, int], places: Sequence[str]) -> str:
    """Such as `50 rows do not: 140 in 17 rows, 141 in 16 rows and 3 more values; first at a.csv:2, a.csv:16`."""
    named = [f"{value} in {counted(count, 'row')}" for value, count in list(values.items())[:NUM_NAMED]]
    more = len(values) - len(named)
    others = f" and {counted(more, 'more value')}" if more > 0 else ""
    where = f"; first at {', '.join(places)}" if places else ""
    return f"{_do_not(num_rows)}: {', '.join(named)}{others}{where}"


def _do_not(num_rows: int) -> str:
    return f"{counted(num_rows, 'row does', 'rows do')} not"


def shown_together(values: tuple[Any, ...]) -> str:
    """The values of one row in short."""
    return ", ".join(map(shown, values))


def _reason(rule: Rule, values: tuple[Any, ...]) -> str:
    values_shown = " and ".join(
        f"{column} is {shown(value)}" for column, value in zip(rule.columns, values, strict=True)
    )
    demanded = ", ".join(f"{key} {shown(limit)}" for key, limit in rule.limits.items() if key != "mostly")
    return f"{values_shown} ({demanded})" if demanded else values_shown


def _refuses(finding: ExpectationResult) -> bool:
    """Rows that fail are counted together; alone, only a rule about the table or with a share of its own refuses."""
    alone = finding.tally is None or finding.rule.kwargs.get("mostly", 1) < 1
    return finding.rule.severity == "critical" and not finding.success and alone


def _why_refused(finding: ExpectationResult, counts: RowCounts) -> str:
    rule = finding.rule
    if finding.num_failing is not None:
        return f"{demand(rule)}: {_do_not(finding.num_failing)} ({percent(counts.share(finding.num_failing))})"
    expected = rule.kwargs.get("column_set", rule.kwargs.get("column_list"))
    if rule.type.startswith("expect_table_columns") and isinstance(finding.observed, list) and expected:
        return f"{demand(rule)}: {unlike_columns(expected, finding.observed)}"
    return demand(rule) + ("" if finding.observed is None else f": it is {shown(finding.observed)}")


def _entry(finding: ExpectationResult, counts: RowCounts) -> dict[str, Any]:
    rule, num_failing = finding.rule, finding.num_failing
    return {
        "type": rule.type,
        "column": ", ".join(rule.columns) or None,
        "severity": rule.severity,
        "success": finding.success,
        "num_unexpected": num_failing,
        "share": None if num_failing is None else round(counts.share(num_failing), 6),
        "examples": _examples(finding),
        "limits": {key: _short_limit(limit) for key, limit in rule.limits.items()},
    }


def _examples(finding: ExpectationResult) -> list[str]:
    """The first different values that fail, in the order of the rows, or what was observed instead."""
    if finding.tally is None:
        return [] if finding.success or finding.observed is None else [shown(finding.observed)]
    return list(finding.tally.values)[:NUM_EXAMPLES]


def _short_limit(limit: Any) -> Any:
    return counted(len(limit), "value") if isinstance(limit, list) and len(limit) > NUM_SAMPLED else limit
