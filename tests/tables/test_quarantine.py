from __future__ import annotations

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.tables.quarantine import REASON, RULE, STAGE, add_findings, no_findings, split_rows

REASONS = st.lists(st.tuples(*[st.none() | st.text(min_size=1, max_size=3)] * 3), max_size=12)


def test_nothing_is_found_at_first() -> None:
    findings = no_findings(2)
    assert findings.schema == {RULE: pl.String, REASON: pl.String}
    assert findings.rows() == [(None, None), (None, None)]
    assert no_findings(0).is_empty()


def test_the_first_rule_that_finds_a_row_keeps_it() -> None:
    findings = add_findings(no_findings(3), "first", pl.Series([None, "a", None], dtype=pl.String))
    findings = add_findings(findings, "second", pl.Series(["b", "c", None], dtype=pl.String))
    assert findings.rows() == [("second", "b"), ("first", "a"), (None, None)]


def test_rows_that_go_say_where_and_why() -> None:
    rows = pl.DataFrame({"x": [1.0, 2.0], "_reason_": ["kept", "too"]})
    findings = add_findings(no_findings(2), "rule", pl.Series([None, "because"], dtype=pl.String))
    kept, taken = split_rows(rows, findings, "clean")
    assert kept.equals(rows[:1])
    assert taken.rows(named=True) == [{"x": 2.0, "_reason_": "too", STAGE: "clean", RULE: "rule", REASON: "because"}]


def test_a_quarantine_without_rows_has_the_columns_all_the_same() -> None:
    rows = pl.DataFrame({"x": [1.0]})
    kept, taken = split_rows(rows, no_findings(1), "clean")
    assert kept.equals(rows)
    assert taken.schema == {"x": pl.Float64, STAGE: pl.String, RULE: pl.String, REASON: pl.String}
    assert taken.is_empty()


@settings(derandomize=True, deadline=None)
@given(reasons=REASONS)
def test_no_row_is_lost_and_none_is_in_both(reasons: list[tuple[str | None, ...]]) -> None:
    rows = pl.DataFrame({"x": range(len(reasons))})
    findings = no_findings(len(reasons))
    for number in range(3):
        column = pl.Series([row[number] for row in reasons], dtype=pl.String)
        findings = add_findings(findings, f"rule {number}", column)
    kept, taken = split_rows(rows, findings, "clean")
    assert kept["x"].to_list() == [number for number, row in enumerate(reasons) if not any(row)]
    assert taken["x"].to_list() == [number for number, row in enumerate(reasons) if any(row)]
    first = [next((n, reason) for n, reason in enumerate(row) if reason) for row in reasons if any(row)]
    assert taken.select(RULE, REASON).rows() == [(f"rule {number}", reason) for number, reason in first]
