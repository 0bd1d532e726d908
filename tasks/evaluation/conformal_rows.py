"""The rows that intervals and sets of classes are learnt from, and those that they are judged on, read at rest."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from tasks.evaluation.conformal import conformal_rule, kind_column
from tasks.evaluation.coverage import CoverageReport, coverage_report
from tasks.evaluation.judged_rows import JudgedRows, row_groups
from tasks.evaluation.page_content import check_rows
from tasks.evaluation.predictions import Predictions
from tasks.evaluation.sliceable_columns import sensitive_columns
from tasks.model_input.conformal import ConformalRule
from tasks.params.evaluate import Conformal
from tasks.paths import Part, Paths
from tasks.tables import storage
from tasks.tables.dataset import Dataset


def rule_of_validation_rows(
    config: Conformal, classes: tuple[str, ...], validation: Predictions, dataset: Dataset, paths: Paths
) -> ConformalRule:
    """By what the model said of them. Raises UserError when they are too few, or `by` names nothing that there is."""
    column = kind_column(config, dataset, storage.column_names(paths.clean("validation")), len(classes))
    check_rows(paths, "validation")
    rows = JudgedRows(classes=classes, predictions=validation, groups=row_groups(paths, dataset, "validation"))
    values = None if column is None else _columns(paths, "validation", [column.name])[column.name].cast(pl.String)
    return conformal_rule(config, rows, column, values)


def coverage_of_test_rows(rule: ConformalRule, rows: JudgedRows, dataset: Dataset, paths: Paths) -> CoverageReport:
    """Of all of them, of the kinds that the rule keeps apart, and of the values of sensitive columns."""
    sensitive = sensitive_columns(dataset, paths)
    names = [*([rule.column.name] if rule.column else []), *(column.name for column in sensitive)]
    return coverage_report(rule, rows, _columns(paths, "test", [*dict.fromkeys(names)]), sensitive)


def _columns(paths: Paths, part: Part, names: Sequence[str]) -> pl.DataFrame:
    return pl.concat(storage.read_parts(paths.clean(part), names)) if names else pl.DataFrame()
