"""cleaning.json: what each rule did, with examples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from tasks.paths import PARTS, Part
from tasks.tables.quarantine import REASON, RULE

NUM_EXAMPLES = 3


@dataclass(frozen=True)
class Changed:
    """How many values of a column were put right in one part, and the first few of them before and after."""

    column: str
    count: int
    examples: list[dict[str, str | None]]


def changes(before: pl.Series, after: pl.Series, *, tell: bool) -> Changed:
    """Compares a column before and after; without `tell` there are no examples."""
    # A column without a repair is handed on as it is: comparing its values would find nothing.
    if after is before:
        return Changed(before.name, 0, [])
    # Numbers in text have become numbers: two dtypes can only be compared as text.
    as_text = before.dtype != after.dtype
    # A value that was and still is missing has not changed, and null != null is null in polars.
    changed = (before.cast(pl.String) if as_text else before).ne_missing(after.cast(pl.String) if as_text else after)
    if not tell or not changed.any():
        return Changed(before.name, int(changed.sum()), [])
    pairs = pl.DataFrame({"before": before, "after": after}).filter(changed)
    # In the order of the rows: the set of examples must be the same in every run.
    new = pairs.unique(maintain_order=True).head(NUM_EXAMPLES).with_columns(pl.all().cast(pl.String))
    return Changed(before.name, int(changed.sum()), new.to_dicts())


class CleaningCounts:
    """What each rule took out, flagged and changed, over all parts."""

    def __init__(self) -> None:
        self.num_rows = dict.fromkeys(PARTS, 0)
        self._num_rows_in = dict.fromkeys(PARTS, 0)
        self.classes: dict[Part, Counter[str]] = {part: Counter() for part in PARTS}
        self._quarantined = _ByRule()
        self._flagged = _ByRule()
        self._changed: dict[str, Changed] = {}

    @property
    def num_rows_in(self) -> int:
        return sum(self._num_rows_in.values())

    @property
    def emptied(self) -> list[Part]:
        """Parts of which no row is left."""
        return [part for part in PARTS if self._num_rows_in[part] and not self.num_rows[part]]

    @property
    def num_quarantined(self) -> int:
        return self._quarantined.counts.total()

    @property
    def by_rule(self) -> str:
        """How many rows each rule took out, in words."""
        return ", ".join(f"{rule} {count:,}" for rule, count in sorted(self._quarantined.counts.items()))

    @property
    def first_reasons(self) -> str:
        """For each rule that took rows out a line with the first reasons, the most rows first."""
        rules = sorted(self._quarantined.as_dict("num").items(), key=lambda rule: -rule[1]["num"])
        return "\n".join(f"  {rule} {of['num']:,}: {'; '.join(of['examples'])}" for rule, of in rules)

    def add(
        self, part: Part, num_rows: int, taken: pl.DataFrame, flagged: pl.DataFrame, changed: Sequence[Changed]
    ) -> None:
        """More rows of one part, in their turn: the first reasons and values are the examples."""
        self.num_rows[part] += num_rows - taken.height
        self._num_rows_in[part] += num_rows
        self._quarantined.add(taken)
        self._flagged.add(flagged)
        for new in changed:
            old = self._changed.get(new.column, Changed(new.column, 0, []))
            # Parts come in their order, so that the first examples are the same however many threads there are.
            examples = [*old.examples, *(pair for pair in new.examples if pair not in old.examples)]
            self._changed[new.column] = Changed(new.column, old.count + new.count, examples[:NUM_EXAMPLES])

    def as_dict(self) -> dict[str, Any]:
        """The counts and examples for cleaning.json."""
        changed = {
            column: {"num_changed": change.count, "examples": change.examples}
            for column, change in sorted(self._changed.items())
            if change.count
        }
        return {
            "num_rows_in": self.num_rows_in,
            "num_rows_out": self.num_rows_in - self.num_quarantined,
            "num_rows": self.num_rows,
            "num_quarantined": self.num_quarantined,
            "num_flagged": self._flagged.counts.total(),
            "num_changed": sum(column["num_changed"] for column in changed.values()),
            "rules": self._quarantined.as_dict("num_quarantined"),
            "flagged": self._flagged.as_dict("num_flagged"),
            "changed": changed,
        }


class _ByRule:
    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._examples: dict[str, list[str]] = {}

    def add(self, findings: pl.DataFrame) -> None:
        for (rule,), rows in findings.select(RULE, REASON).group_by(RULE, maintain_order=True):
            name = str(rule)
            self.counts[name] += rows.height
            examples = self._examples.setdefault(name, [])
            # Most parts come after the examples are complete: then their reasons need no search for new ones.
            if len(examples) < NUM_EXAMPLES:
                new = rows[REASON].unique(maintain_order=True).head(NUM_EXAMPLES).to_list()
                examples += [reason for reason in new if reason not in examples][: NUM_EXAMPLES - len(examples)]

    def as_dict(self, name: str) -> dict[str, Any]:
        # Sorted, so that the report does not change its order with the rows.
        return {rule: {name: count, "examples": self._examples[rule]} for rule, count in sorted(self.counts.items())}
