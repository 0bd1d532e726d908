"""Stage clean: puts values right, flags rows to look at, and takes out rows that nothing can be learnt from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import polars as pl

from tasks import files, reports
from tasks.cleaning.faults import find_flags
from tasks.cleaning.in_text import Written
from tasks.cleaning.personal.guard import Guard, Watch, check_settings
from tasks.cleaning.personal.look import PersonalSamples, look
from tasks.cleaning.repairs import learn_repairs
from tasks.cleaning.rows import RowsUnderRepair
from tasks.cleaning.rules import Judged, judge
from tasks.cleaning.tally import Changed, CleaningCounts, changes
from tasks.errors import GateError
from tasks.parallel import parallel_map
from tasks.params.clean import Clean
from tasks.paths import Paths
from tasks.reports import Report
from tasks.tables import storage
from tasks.tables.dataset import Dataset, read_dataset, write_dataset
from tasks.tables.quarantine import REASON, RULE, STAGE, split_rows


def run(config: Clean, paths: Paths) -> Report:
    """Reads valid/ and dataset.json; leaves clean/, cleaned.json, quarantine/clean/, flagged/ and cleaning.json.

    Raises UserError when settings do not fit the columns, GateError when more rows would go than `max_quarantined`.
    """
    dataset = read_dataset(paths.dataset)
    check_settings(config, dataset)
    guard = Guard.of(config, dataset)
    repairing, written = learn_repairs(partial(storage.read_parts, paths.valid), dataset, config)
    rows = RowsUnderRepair(paths.valid, repairing, config)
    judged = judge(rows, config)
    rows.find_faults()
    tally, watch = CleaningCounts(), Watch(enabled=config.personal.report)
    write_rows(Sorter(rows, judged, guard, config), tally, watch, paths)
    write_dataset(paths.cleaned, guard.without_dropped(with_task(repairing, tally.classes)))
    facts = judged.facts | watch.facts(guard) | guard.facts(rows, config) | {"not_read": _ambiguous(written)}
    files.write_json(paths.cleaning_report, tally.as_dict() | facts)
    _check_share(tally, config, paths)
    return reports.clean(paths)


@dataclass(frozen=True, kw_only=True)
class Sorted:
    """What becomes of one part: `kept` is missing when the file may be taken over as it is."""

    num_rows: int
    kept: pl.DataFrame | None
    taken: pl.DataFrame
    flagged: pl.DataFrame
    changed: Sequence[Changed]
    looks: PersonalSamples
    classes: frozenset[str]


@dataclass(frozen=True)
class Sorter:
    """Tells the rows that stay from those that go, one part at a time; parts may be sorted side by side."""

    rows: RowsUnderRepair
    judged: Judged
    guard: Guard
    config: Clean

    def sort(self, number: int) -> Sorted:
        """One part's rows."""
        repaired, raw = self.rows.part(number)
        found = self.rows.taken_out(number)
        good, _ = split_rows(repaired, found, "clean")
        _, taken = split_rows(self.guard.as_it_came(raw, repaired), found, "clean")
        kept = self.guard.protected(good)
        columns = self.rows.dataset.columns
        return Sorted(
            num_rows=raw.height,
            kept=None if raw.height and kept.equals(raw) else kept,
            taken=self.guard.protected(taken),
            flagged=self.guard.protected(self._flagged(number, repaired, found)),
            changed=[
                changes(raw[column.name], repaired[column.name], tell=column.name not in self.guard.private)
                for column in columns
                if column.repair is not None
            ],
            classes=self._classes(good),
            looks=look(repaired, columns) if self.config.personal.report else (),
        )

    def _classes(self, good: pl.DataFrame) -> frozenset[str]:
        dataset = self.rows.dataset
        return frozenset() if dataset.task == "regression" else frozenset(good[dataset.target.name].unique())

    def _flagged(self, number: int, repaired: pl.DataFrame, taken: pl.DataFrame) -> pl.DataFrame:
        """Copies of the rows that stay and should be looked at, a line for each rule that found one."""
        one_row = self.rows.find(number, find_flags(repaired, self.rows.dataset, self.config))
        stays = taken[RULE].is_null()
        lines = []
        for found in (one_row, *self.judged.flagged):
            aligned = self.rows.aligned(number, found)
            line = repaired.with_columns(
                pl.lit("clean").alias(STAGE), aligned[RULE], aligned[REASON], aligned["score"].alias("_score")
            )
            lines.append(line.filter(aligned[RULE].is_not_null() & stays))
        return pl.concat(lines)


def write_rows(sorter: Sorter, tally: CleaningCounts, watch: Watch, paths: Paths) -> None:
    """Each part: the rows that stay, those that go, and copies of those to look at; counted and watched on the way."""
    files = sorter.rows.files
    with (
        storage.table_writer(paths.clean) as kept,
        storage.table_writer(paths.quarantine("clean")) as gone,
        storage.table_writer(paths.flagged) as noted,
    ):
        for file, part in zip(files, parallel_map(sorter.sort, range(len(files))), strict=True):
            tally.add(part.num_rows, part.taken, part.flagged, part.changed)
            tally.classes |= part.classes
            watch.add(part.looks)
            gone.append(part.taken)
            noted.append(part.flagged)
            if part.kept is None:
                kept.copy(file, part.num_rows)
            else:
                kept.append(part.kept)


def with_task(dataset: Dataset, classes: set[str]) -> Dataset:
    """The data set with the task that is left: spellings of two classes may have been made one."""
    if dataset.task == "regression":
        return dataset
    return dataset.model_copy(update={"task": "multiclass" if len(classes) > 2 else "binary"})


def _ambiguous(written: dict[str, Written]) -> dict[str, str]:
    """Columns of numbers in text that could be read in two ways."""
    return {
        name: "numbers with a unit, in which 1,200 could be 1.2 as well; write them plainly in the source"
        for name, how in written.items()
        if how.ambiguous
    }


def _check_share(tally: CleaningCounts, config: Clean, paths: Paths) -> None:
    share = tally.num_quarantined / max(tally.num_rows_in, 1)
    if share > config.max_quarantined or tally.num_quarantined == tally.num_rows_in:
        raise GateError(
            f"clean: {tally.num_quarantined:,} of {tally.num_rows_in:,} rows would go ({share:.1%}; {tally.by_rule}), "
            f"more than clean.max_quarantined = {config.max_quarantined:.1%}; look at them in "
            f"{paths.relative(paths.quarantine('clean'))}, then mend the source or raise the limit"
        )
