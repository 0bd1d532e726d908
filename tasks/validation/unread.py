"""Cells that are no values of the type which params.yaml gives their column: each is a row in quarantine."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import polars as pl

from tasks.tables.dataset import Dataset
from tasks.tables.origins import UnreadCell
from tasks.tables.quarantine import add_findings, no_findings
from tasks.validation.findings import NUM_EXAMPLES, RowCounts
from tasks.validation.shown import shown


def rule_of(column: str) -> str:
    """What such a row is quarantined by: the setting that it does not keep to."""
    return f"ingest.columns.{column}.type"


class UnreadTally:
    """How many cells of each column could not be read, and the first different ones of them, with theirs."""

    def __init__(self, dataset: Dataset) -> None:
        self._types = {column.name: column.type for column in dataset.columns}
        self._num_cells: dict[str, int] = {}
        self._examples: dict[str, dict[str, int]] = {}

    def add(self, cells: Iterable[UnreadCell]) -> None:
        """Counts the cells of one part."""
        for cell in cells:
            self._num_cells[cell.column] = self._num_cells.get(cell.column, 0) + 1
            examples, written = self._examples.setdefault(cell.column, {}), shown(cell.cell)
            if written in examples or len(examples) < NUM_EXAMPLES:
                examples[written] = examples.get(written, 0) + 1

    def reasons(self, num_rows: int, cells: Iterable[UnreadCell]) -> pl.DataFrame:
        """Per row of a part, what cell of it could not be read; missing where all could be."""
        why: dict[str, list[str | None]] = {}
        for cell in cells:
            of_column = why.setdefault(cell.column, [None] * num_rows)
            of_column[cell.row] = f"{cell.column} is {shown(cell.cell)!r}, which is no {self._types[cell.column]}"
        findings = no_findings(num_rows)
        for column, of_column in why.items():
            findings = add_findings(findings, rule_of(column), pl.Series(of_column, dtype=pl.String))
        return findings

    def entries(self, counts: RowCounts) -> list[dict[str, Any]]:
        """What validation.json says of them, in the form of an expectation that fails, a column each."""
        return [
            {
                "type": rule_of(column),
                "column": column,
                "severity": "critical",
                "success": False,
                "num_unexpected": num_cells,
                "share": round(counts.share(num_cells), 6),
                "examples": list(self._examples[column]),
                "num_examples": list(self._examples[column].values()),
                "limits": {"type": self._types[column]},
            }
            for column, num_cells in self._num_cells.items()
        ]
