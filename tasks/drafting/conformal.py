"""Whether a drafted block offers intervals or sets of classes with each answer: where validation rows are enough."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasks.drafting.decide import Decisions
from tasks.drafting.profile import Facts
from tasks.wording import counted

CONFORMAL: Mapping[str, Any] = {"coverage": 0.9}
FEWEST_ROWS = 100
"""Validation rows from which it is offered. Nine have a rank that 90 % asks for, but what they keep is then anything
between 66 and 99.7 %, and of 100 between 84 and 95 % (19 times in 20: of n rows the coverage is distributed as
Beta(k, n + 1 - k) with k = ceil(0.9 (n + 1)), Vovk, Conditional Validity of Inductive Conformal Predictors, 2012)."""
_FEWEST_GROUPS = 20
"""Where rows have groups, groups are counted, and heavy ones count for more: twice the nine, and some room."""


def offer(decisions: Decisions, facts: Facts) -> tuple[bool, str]:
    """Whether conformal prediction is offered, and what it does, or why it is not; no words where nobody knows how many
    validation rows there will be."""
    validation = decisions.split.settings.get("validation")
    if validation is None:
        return False, ""
    lost = decisions.share_quarantined + (0.0 if decisions.repeats_are_events else decisions.share_repeated)
    usable = max(1.0, facts.num_rows * (1 - lost))
    num_rows = validation if isinstance(validation, int) else int(validation * usable)
    group = next((name for name in facts.names if decisions.role(name) == "group"), None)
    if num_rows < FEWEST_ROWS:
        return False, _too_few(counted(num_rows, "row"), f"{FEWEST_ROWS} or more")
    if group is not None:
        num_groups = int(facts.state(group).num_distinct * num_rows / usable)
        if num_groups < _FEWEST_GROUPS:
            return False, _too_few(f"{num_groups:,} values of {group}", f"{_FEWEST_GROUPS} or more")
    is_number = decisions.target.task == "regression"
    what = "an interval that holds the true number" if is_number else "a set of classes that holds the true one"
    return True, f"in its place: with each answer {what} in {100 * CONFORMAL['coverage']:g} % of rows"


def _too_few(there: str, needed: str) -> str:
    return (
        "evaluate.conformal would say how far off an answer may be, and is not offered: validation has some "
        f"{there} to learn it from, and {needed} are needed"
    )
