"""Stage clean: takes out exact duplicates, rows without a target, and values that nothing can be learnt from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import polars as pl

from tasks import reports, storage
from tasks.columns import column_type
from tasks.dataset import Dataset, read_dataset
from tasks.errors import GateError
from tasks.params import Clean
from tasks.paths import Paths
from tasks.quarantine import REASON, RULE, add_findings, no_findings, split_rows
from tasks.report import Report
from tasks.rows import row_hashes

NUM_EXAMPLES = 3


def run(config: Clean, paths: Paths) -> Report:
    """Reads valid/ and dataset.json; leaves clean/, quarantine/clean/ and cleaning.json.

    Raises GateError when more rows would go than `max_quarantined` allows.
    """
    dataset = read_dataset(paths.dataset)
    seen: set[str] = set()
    tally = Tally()
    with storage.table_writer(paths.clean) as kept, storage.table_writer(paths.quarantine("clean")) as taken:
        for part in storage.read_parts(paths.valid):
            found = find_faults(part, dataset)
            if config.duplicates == "quarantine":
                found = find_duplicates(part, found, dataset.content_names, seen)
            good, bad = split_rows(part, found, "clean")
            kept.append(good)
            taken.append(bad)
            tally.add(part.height, bad)
    storage.write_json(paths.cleaning_report, tally.as_dict())
    _check_share(tally, config, paths)
    return reports.clean(paths)


def find_faults(rows: pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
    """Rule and reason for each row that has no target or a value its column type cannot use."""
    target = dataset.target.name
    no_target = pl.when(rows[target].is_null()).then(pl.lit(f"{target} is missing"))
    found = add_findings(no_findings(rows.height), "missing_target", rows.select(no_target).to_series())
    for column in (*dataset.features, dataset.target):
        reasons = column_type(column.type).faults(rows[column.name])
        found = add_findings(found, f"unusable_{column.type}", reasons)
    return found


def find_duplicates(rows: pl.DataFrame, found: pl.DataFrame, columns: Sequence[str], seen: set[str]) -> pl.DataFrame:
    """Adds the rows whose values were seen before, here or in an earlier part; `seen` grows by the new ones.

    16 bytes of hash a row stay in memory (about 100 as Python keeps them).
    """
    reasons: list[str | None] = []
    for row_hash, rule in zip(row_hashes(rows, columns), found[RULE], strict=True):
        again = rule is None and row_hash in seen
        reasons.append("the same values stand in an earlier row" if again else None)
        if rule is None:
            seen.add(row_hash)
    return add_findings(found, "duplicate", pl.Series(reasons, dtype=pl.String))


class Tally:
    """What each rule took out, over all parts."""

    def __init__(self) -> None:
        self.num_rows_in = 0
        self.counts: Counter[str] = Counter()
        self.examples: dict[str, list[str]] = {}

    @property
    def num_quarantined(self) -> int:
        return self.counts.total()

    def add(self, num_rows: int, taken: pl.DataFrame) -> None:
        """Counts one part's rows, and keeps the first reasons of each rule."""
        self.num_rows_in += num_rows
        for rule, reason in taken.select(RULE, REASON).iter_rows():
            self.counts[rule] += 1
            examples = self.examples.setdefault(rule, [])
            if len(examples) < NUM_EXAMPLES and reason not in examples:
                examples.append(reason)

    def as_dict(self) -> dict[str, Any]:
        """cleaning.json."""
        rules = {
            rule: {"num_quarantined": count, "examples": self.examples[rule]}
            for rule, count in sorted(self.counts.items())
        }
        return {
            "num_rows_in": self.num_rows_in,
            "num_rows_out": self.num_rows_in - self.num_quarantined,
            "num_quarantined": self.num_quarantined,
            "rules": rules,
        }


def _check_share(tally: Tally, config: Clean, paths: Paths) -> None:
    share = tally.num_quarantined / max(tally.num_rows_in, 1)
    if share > config.max_quarantined or tally.num_quarantined == tally.num_rows_in:
        by_rule = ", ".join(f"{rule} {count:,}" for rule, count in sorted(tally.counts.items()))
        raise GateError(
            f"clean: {tally.num_quarantined:,} of {tally.num_rows_in:,} rows would go ({share:.1%}; {by_rule}), "
            f"more than clean.max_quarantined = {config.max_quarantined:.1%}; look at them in "
            f"{paths.relative(paths.quarantine('clean'))}, then mend the source or raise the limit"
        )
