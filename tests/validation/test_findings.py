from __future__ import annotations

import numpy as np
import polars as pl

from tasks.validation.expectations import Rule
from tasks.validation.findings import NUM_COUNTED, FailureTally, reasons

TOO_OLD = Rule(
    number=1, type="expect_column_values_to_be_between", kwargs={"column": "age", "max_value": 90}, severity="critical"
)
KNOWN = Rule(
    number=2,
    type="expect_column_values_to_be_in_set",
    kwargs={"column": "plan", "value_set": ["a"]},
    severity="critical",
)
ROWS = pl.DataFrame({"age": [91.0, 92, 30, 91], "plan": ["x", "a", "x", "a"]})


def tallied(*parts: pl.DataFrame) -> FailureTally:
    tally = FailureTally(TOO_OLD)
    for part in parts:
        tally.add(part, np.flatnonzero(part["age"].to_numpy() > 90))
    return tally


def test_a_tally_is_the_same_however_the_rows_are_cut() -> None:
    whole = tallied(ROWS)
    assert list(whole.values.items()) == [("91", 2), ("92", 1)]
    assert whole.num_rows == 3
    for cut in range(5):
        parts = tallied(ROWS[:cut], ROWS[cut:])
        assert (parts.num_rows, list(parts.values.items())) == (3, list(whole.values.items()))


def test_a_tally_is_bounded_and_counts_every_row() -> None:
    many = pl.DataFrame({"age": pl.int_range(100, 100 + 2 * NUM_COUNTED, eager=True).cast(pl.Float64)})
    tally = tallied(many, many)
    assert tally.num_rows == 4 * NUM_COUNTED
    assert len(tally.values) == NUM_COUNTED
    assert set(tally.values.values()) == {2}


def test_a_row_goes_once_with_the_first_critical_rule_it_fails() -> None:
    warning = Rule(number=3, type=KNOWN.type, kwargs=KNOWN.kwargs, severity="warning")
    failing = [(warning, np.array([0, 2])), (TOO_OLD, np.array([0, 1, 3])), (KNOWN, np.array([0, 2]))]
    found = reasons(failing, ROWS)
    assert found["_rule"].to_list() == [TOO_OLD.label, TOO_OLD.label, KNOWN.label, TOO_OLD.label]
    assert found["_reason"][2] == "plan is x (value_set a)"
