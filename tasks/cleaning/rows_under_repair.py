"""The rows of all parts, repaired, less those that a rule has taken out: what each rule reads, and what is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.cleaning.findings import ROW, Findings, PartStarts, empty_findings
from tasks.cleaning.row_rules import find_faults
from tasks.parallel import parallel_map
from tasks.params.clean import Clean
from tasks.paths import PARTS, Part
from tasks.repair.repair import repaired
from tasks.tables import storage
from tasks.tables.dataset import Dataset
from tasks.tables.quarantine import REASON, RULE

Made = TypeVar("Made")


class RowsUnderRepair:
    """Three tables under repair, numbered as one: test, validation, train, as `PartStarts` has them.

    What is found in them is kept as row numbers; rows are read again where needed.
    """

    def __init__(self, folders: Callable[[Part], Path], dataset: Dataset, config: Clean) -> None:
        self.dataset = dataset
        of_part = {part: storage.part_files(folders(part)) for part in reversed(PARTS)}
        self.files = [file for files in of_part.values() for file in files]
        self.part_of = [part for part, files in of_part.items() for _ in files]
        self._config = config
        self._repairable: list[frozenset[str]] = []
        self._starts = [0]
        self._faults: list[Findings] = []
        self._dropped: Findings = empty_findings()

    def parts(self, columns: Sequence[str] | None = None) -> Iterator[pl.DataFrame]:
        """The rows that are left, part by part, with `ROW`; all columns, or those that are named."""
        for number, rows in enumerate(parallel_map(partial(self._repaired, columns), range(len(self.files)))):
            yield self._left(number, rows)

    def part(self, number: int) -> tuple[pl.DataFrame, pl.DataFrame]:
        """One part put right, and as it came."""
        raw = storage.read_part(self.files[number])
        return _with_repairs(raw, self.dataset, self._repairable[number]), raw

    def training_parts(self, columns: Sequence[str] | None = None) -> Iterator[pl.DataFrame]:
        """As `parts`, of the rows that are learnt from."""
        first = self.starts.train
        return (part.filter(pl.col(ROW) >= first) for part in self.parts(columns))

    @property
    def starts(self) -> PartStarts:
        """Where the rows of each part begin; `find_faults` must have counted them."""
        assert len(self._starts) == len(self.files) + 1
        validation, train = (self._starts[self.part_of.index(part)] for part in ("validation", "train"))
        return PartStarts(validation=validation, train=train)

    def find_faults(self, look: Callable[[pl.DataFrame], Made]) -> Iterator[tuple[int, Made]]:
        """Looks at every part once, before any rule over the tables: these must know where each part begins.

        Beside that yields where each part begins, and what `look` makes of its rows without faults, whose `ROW` counts
        from the part's first one: rules that read all columns need not read the table once more.
        """
        examined = parallel_map(partial(self._examined, look), range(len(self.files)))
        for num_rows, faults, changed, made in examined:
            start = self._starts[-1]
            # Most columns of most parts need no repair: only these are put right when the part is read again.
            self._repairable.append(changed)
            self._faults.append(_moved(faults, start))
            # parallel_map keeps the order of the parts, so that each starts where the one before ends.
            self._starts.append(start + num_rows)
            yield start, made

    def _examined(
        self, look: Callable[[pl.DataFrame], Made], number: int
    ) -> tuple[int, Findings, frozenset[str], Made]:
        raw = storage.read_part(self.files[number])
        rows = repaired_rows(raw, self.dataset)
        changed = frozenset(name for name in rows.columns if not rows[name].equals(raw[name], null_equal=True))
        faults = find_faults(rows, self.dataset, self._config, is_train=self.part_of[number] == "train")
        numbered = rows.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias(ROW))
        return rows.height, _sparse(faults), changed, look(numbered.filter(faults[RULE].is_null()))

    def _repaired(self, columns: Sequence[str] | None, number: int) -> pl.DataFrame:
        return _with_repairs(storage.read_part(self.files[number], columns), self.dataset, self._repairable[number])

    def _left(self, number: int, rows: pl.DataFrame) -> pl.DataFrame:
        # Numbers are those of the whole table: rules name rows by them, and they must not shift when rows go.
        numbered = rows.with_columns(pl.Series(ROW, self._numbers(number), dtype=pl.Int64))
        return numbered.filter(self.taken_out(number)[RULE].is_null())

    def take_out(self, findings: Findings) -> None:
        """From now on these rows are gone."""
        self._dropped = pl.concat([self._dropped, findings]).sort("row")

    def taken_out(self, number: int) -> pl.DataFrame:
        """Rule and reason for each row of a part, missing for those that stay."""
        return self.aligned(number, pl.concat([self._faults[number], self._dropped]))

    def taken_from_test(self) -> list[int]:
        """The numbers of the test rows that went, from 0: whoever reads split/test/ later knows which are left."""
        numbers = pl.concat([findings["row"] for findings in (*self._faults, self._dropped)])
        return numbers.filter(numbers < self.starts.validation).unique().sort().to_list()

    def aligned(self, number: int, findings: Findings) -> pl.DataFrame:
        """Of the findings those of one part: rule, reason and score for each row, missing where there is none."""
        start, stop = self._starts[number], self._starts[number + 1]
        here = findings.filter(pl.col("row").is_between(start, stop, closed="left"))
        every = pl.DataFrame({"row": self._numbers(number)}, schema={"row": pl.Int64})
        # The left order is kept: what is aligned is put beside the rows by place.
        joined = every.join(here, on="row", how="left", maintain_order="left")
        return joined.select(pl.col("rule").alias(RULE), pl.col("reason").alias(REASON), "score")

    def find(self, number: int, findings: pl.DataFrame) -> Findings:
        """What was found in one part, a line a row, as row numbers of the whole table."""
        return _moved(_sparse(findings), self._starts[number])

    def _numbers(self, number: int) -> NDArray[np.int64]:
        return np.arange(self._starts[number], self._starts[number + 1])


def repaired_rows(rows: pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
    """The columns of the data set, each put right."""
    return _with_repairs(rows, dataset, frozenset(rows.columns))


def _with_repairs(rows: pl.DataFrame, dataset: Dataset, names: frozenset[str]) -> pl.DataFrame:
    """The columns of the data set, those that are named put right."""
    # Columns in the order of the data set, whatever the order in which they were asked for.
    kept = [column for column in dataset.columns if column.name in rows.columns]
    return pl.DataFrame([repaired(rows[c.name], c.repair if c.name in names else None) for c in kept])


def _sparse(findings: pl.DataFrame) -> Findings:
    """A line for each row that was found, numbered from 0."""
    with_numbers = findings.with_row_index("row").filter(pl.col(RULE).is_not_null())
    return pl.DataFrame(
        {
            "row": with_numbers["row"].cast(pl.Int64),
            "rule": with_numbers[RULE],
            "reason": with_numbers[REASON],
            # Rules of single rows have no score, but the column must have its dtype to be joined with those that do.
            "score": pl.Series([None] * with_numbers.height, dtype=pl.Float64),
        }
    )


def _moved(findings: Findings, start: int) -> Findings:
    return findings.with_columns(pl.col("row") + start)
