"""cleaning.json: what each rule did, with examples."""

from __future__ import annotations

from collections import Counter
from typing import Any

import polars as pl

from tasks.quarantine import REASON, RULE

NUM_EXAMPLES = 3


class Tally:
    """What each rule took out, flagged and changed, over all parts."""

    def __init__(self) -> None:
        self.num_rows_in = 0
        self._quarantined = _ByRule()
        self._flagged = _ByRule()
        self._changed: dict[str, tuple[int, list[dict[str, Any]]]] = {}

    @property
    def num_quarantined(self) -> int:
        return self._quarantined.counts.total()

    @property
    def by_rule(self) -> str:
        """How many rows each rule took out, in words."""
        return ", ".join(f"{rule} {count:,}" for rule, count in sorted(self._quarantined.counts.items()))

    def add_quarantined(self, taken: pl.DataFrame) -> None:
        """Counts one part's rows, and keeps the first reasons of each rule."""
        self._quarantined.add(taken)

    def add_flagged(self, flagged: pl.DataFrame) -> None:
        """The same for rows that stay."""
        self._flagged.add(flagged)

    def add_changed(self, column: str, before: pl.Series, after: pl.Series, *, tell: bool) -> None:
        """Counts the values of one part that were put right; `tell` keeps the first few as examples."""
        changed = before.cast(pl.String).ne_missing(after.cast(pl.String))
        count, examples = self._changed.get(column, (0, []))
        if tell and len(examples) < NUM_EXAMPLES:
            pairs = pl.DataFrame({"before": before, "after": after}).filter(changed)
            new = pairs.unique(maintain_order=True).head(NUM_EXAMPLES).with_columns(pl.all().cast(pl.String))
            examples = [*examples, *(pair for pair in new.to_dicts() if pair not in examples)][:NUM_EXAMPLES]
        self._changed[column] = (count + int(changed.sum()), examples)

    def as_dict(self) -> dict[str, Any]:
        """The counts and examples for cleaning.json."""
        changed = {
            column: {"num_changed": count, "examples": examples}
            for column, (count, examples) in sorted(self._changed.items())
            if count
        }
        return {
            "num_rows_in": self.num_rows_in,
            "num_rows_out": self.num_rows_in - self.num_quarantined,
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

    def add(self, found: pl.DataFrame) -> None:
        for (rule,), rows in found.select(RULE, REASON).group_by(RULE, maintain_order=True):
            name = str(rule)
            self.counts[name] += rows.height
            examples = self._examples.setdefault(name, [])
            if len(examples) < NUM_EXAMPLES:
                new = rows[REASON].unique(maintain_order=True).head(NUM_EXAMPLES).to_list()
                examples += [reason for reason in new if reason not in examples][: NUM_EXAMPLES - len(examples)]

    def as_dict(self, name: str) -> dict[str, Any]:
        return {rule: {name: count, "examples": self._examples[rule]} for rule, count in sorted(self.counts.items())}
