"""The rules of a suite that a row passes or fails by itself, asked of new rows part after part."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from tasks.tables import storage
from tasks.validation.expectations import Rule
from tasks.validation.findings import Failing
from tasks.validation.gx.checks import ExpectationCheck, make_check, refuse_aborted
from tasks.validation.gx.examination import only_new_garbage
from tasks.validation.gx.parts import PartEngine, sized
from tasks.validation.gx.rows import is_by_itself, row_by_row
from tasks.validation.gx.table import PartedTable
from tasks.validation.gx.whole import needed_columns


class RowRules:
    """Rules whose answer depends on nothing but the row."""

    def __init__(self, table: PartedTable, checks: Sequence[ExpectationCheck]) -> None:
        self._table = table
        self._checks = checks
        self._finders = [row_by_row(check, table) for check in checks]

    def failing(self, part: pl.DataFrame) -> Failing:
        """The rules, each with the rows of the part that fail it."""
        if not self._checks:
            return []
        shown = sized(part.select(needed_columns(self._checks, self._table)))
        values = self._asked(shown)
        failing = [
            (check.rule, finder.find(values, shown, 0))
            for check, finder in zip(self._checks, self._finders, strict=True)
        ]
        # Engines point at themselves, and each holds a part.
        del values
        gc.collect()
        return failing

    def _asked(self, part: pl.DataFrame) -> dict[Any, Any]:
        asked = [check for check, finder in zip(self._checks, self._finders, strict=True) if finder.asked]
        if not asked:
            return {}
        engine = PartEngine(self._table.pandas(part))
        values, aborted = engine.compute([condition for check in asked for condition in check.conditions])
        refuse_aborted(asked, aborted)
        return values


@contextmanager
def row_rules(rules: Sequence[Rule], empty: pl.DataFrame, folder: Path, where: str) -> Iterator[RowRules]:
    """For tables like `empty`, which has no rows; `folder` is one to write to. Raises UserError that names the rule."""
    storage.write_parts(folder, [empty])
    table = PartedTable(folder)
    schema = table.schema_engine()
    # Some of Great Expectations' cut the column into bins before anything else, and there are no values here.
    checks = [make_check(rule, schema, where) for rule in rules if _is_of_values(rule)]
    with only_new_garbage():
        yield RowRules(table, [check for check in checks if is_by_itself(check)])


def _is_of_values(rule: Rule) -> bool:
    return bool(rule.columns) and ("_values_" in rule.type or "_pair_" in rule.type or "multicolumn" in rule.type)
