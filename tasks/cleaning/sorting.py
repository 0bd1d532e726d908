"""Which rows of a part stay, which go and which are flagged, and the tables that hold them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from tasks.cleaning.counts import Changed, CleaningCounts, changes
from tasks.cleaning.personal.look import PersonalSamples, Watch, look
from tasks.cleaning.personal.protection import Guard
from tasks.cleaning.row_rules import find_flags
from tasks.cleaning.rows_under_repair import RowsUnderRepair
from tasks.cleaning.table_rules import Judged
from tasks.errors import UserError
from tasks.parallel import parallel_map
from tasks.params.clean import Clean
from tasks.paths import Paths
from tasks.tables import storage
from tasks.tables.dataset import Dataset
from tasks.tables.quarantine import REASON, RULE, SCORE, STAGE, split_rows
from tasks.wording import quoted


@dataclass(frozen=True, kw_only=True)
class SortedPart:
    """What becomes of one part: `kept` is missing when the file may be taken over as it is."""

    num_rows: int
    kept: pl.DataFrame | None
    taken: pl.DataFrame
    flagged: pl.DataFrame
    changed: Sequence[Changed]
    looks: PersonalSamples
    classes: Counter[str]


@dataclass(frozen=True)
class RowSorter:
    """Tells the rows that stay from those that go, one part at a time; parts may be sorted side by side."""

    rows: RowsUnderRepair
    judged: Judged
    guard: Guard
    config: Clean

    def sort(self, number: int) -> SortedPart:
        """One part's rows."""
        repaired, raw = self.rows.part(number)
        findings = self.rows.taken_out(number)
        good, _ = split_rows(repaired, findings, "clean")
        # Quarantine holds rows as they came, so that somebody can see what was wrong in the source.
        _, taken = split_rows(self.guard.as_it_came(raw, repaired), findings, "clean")
        # Last of all: rules need the values that are dropped, masked or hashed on the way out.
        kept = self.guard.protected(good)
        columns = self.rows.dataset.columns
        return SortedPart(
            num_rows=raw.height,
            # An unchanged part is copied as a file: no Parquet is written anew. One without rows has nothing to copy.
            kept=None if raw.height and kept.equals(raw) else kept,
            taken=self.guard.protected(taken),
            flagged=self.guard.protected(self._flagged(number, repaired, findings)),
            changed=[
                # Examples of private columns would carry personal data into the report.
                changes(raw[column.name], repaired[column.name], tell=column.name not in self.guard.private)
                for column in columns
                if column.repair is not None
            ],
            classes=self._classes(good),
            looks=look(repaired, columns) if self.config.personal.report else (),
        )

    def _classes(self, good: pl.DataFrame) -> Counter[str]:
        dataset = self.rows.dataset
        if dataset.task == "regression":
            return Counter()
        return Counter(dict(good[dataset.target.name].value_counts(name="num_rows").iter_rows()))

    def _flagged(self, number: int, repaired: pl.DataFrame, taken: pl.DataFrame) -> pl.DataFrame:
        """Copies of the rows that stay and should be looked at, a line for each rule that found one."""
        one_row = self.rows.find(number, find_flags(repaired, self.rows.dataset, self.config))
        # A row that goes needs no flag: it stands in quarantine with its reason.
        is_kept = taken[RULE].is_null()
        lines = []
        for flags in (one_row, *self.judged.flagged):
            aligned = self.rows.aligned(number, flags)
            line = repaired.with_columns(
                pl.lit("clean").alias(STAGE), aligned[RULE], aligned[REASON], aligned["score"].alias(SCORE)
            )
            # A row can have several flags, each of them a line.
            lines.append(line.filter(aligned[RULE].is_not_null() & is_kept))
        return pl.concat(lines)


def write_rows(sorter: RowSorter, tally: CleaningCounts, watch: Watch, paths: Paths) -> None:
    """Each part: the rows that stay, those that go, and copies of those to look at; counted and watched on the way."""
    part_files = sorter.rows.files
    with (
        storage.table_writer(paths.clean("train")) as train,
        storage.table_writer(paths.clean("validation")) as validation,
        storage.table_writer(paths.clean("test")) as test,
        storage.table_writer(paths.quarantine("clean")) as quarantine,
        storage.table_writer(paths.flagged) as flagged,
    ):
        kept_rows = {"train": train, "validation": validation, "test": test}
        # Sorted side by side and written in order, so that the tables have the same bytes each time.
        sorted_parts = parallel_map(sorter.sort, range(len(part_files)))
        for file, name, part in zip(part_files, sorter.rows.part_of, sorted_parts, strict=True):
            tally.add(name, part.num_rows, part.taken, part.flagged, part.changed)
            tally.classes[name].update(part.classes)
            kept = kept_rows[name]
            watch.add(part.looks)
            quarantine.append(part.taken)
            flagged.append(part.flagged)
            if part.kept is None:
                kept.copy(file, part.num_rows)
            else:
                kept.append(part.kept)


def with_task(dataset: Dataset, classes: Iterable[str]) -> Dataset:
    """The data set with the task that is left: spellings of two classes may have been made one.

    Raises UserError when params.yaml says binary, and more classes are left.
    """
    if dataset.task == "regression":
        return dataset
    left = sorted(set(classes))
    # Only by now have validate and clean set aside what is no class.
    if dataset.task == "binary" and len(left) > 2:
        raise UserError(
            f"clean: ingest.task is binary, and {dataset.target.name} has {len(left)} classes: {quoted(left[:10])}; "
            "set ingest.task to multiclass, or let the suite set the others aside: expect_column_values_to_be_in_set"
        )
    # Two classes are binary: trainers and metrics ask the task, and not the classes.
    return dataset.model_copy(update={"task": "multiclass" if len(left) > 2 else "binary"})
