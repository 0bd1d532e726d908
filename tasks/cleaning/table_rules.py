"""The rules that need the whole table, one after another: what each takes out, the next does not see."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import polars as pl

from tasks.cleaning.duplicates import find_repeats, row_marks
from tasks.cleaning.findings import Findings
from tasks.cleaning.labels.suspicious import suspicious_labels
from tasks.cleaning.near.images import near_images
from tasks.cleaning.near.texts import near_texts
from tasks.cleaning.outliers import isolated, learn_bounds, outside
from tasks.cleaning.rows_under_repair import RowsUnderRepair
from tasks.cleaning.settings import has_setting, outlier_settings
from tasks.params.clean import Action, Clean


@dataclass(frozen=True, kw_only=True)
class Judged:
    """The rows to look at, by rule, and what else is worth telling."""

    flagged: list[Findings] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def add(self, rows: RowsUnderRepair, findings: Findings, action: Action) -> None:
        """Takes training rows out and notes the others, or notes them all.

        Who looks at the target, or goes by a model or a bound, must not choose the rows that the model is judged on.
        """
        is_train = pl.col("row") >= rows.starts.train
        match action:
            case "quarantine":
                rows.take_out(findings.filter(is_train))
                self.flagged.append(findings.filter(~is_train))
            case "flag":
                self.flagged.append(findings)
            case "keep":
                pass


def judge(rows: RowsUnderRepair, config: Clean) -> Judged:
    """Every rule that is asked for. Rows that go are taken out of `rows`."""
    judged = Judged()
    _repeats(rows, config, judged)
    _near_duplicates(rows, config, judged)
    _outliers(rows, config, judged)
    if config.labels.suspicious != "keep" and rows.dataset.task != "regression":
        findings = suspicious_labels(rows.parts, rows.dataset, config.labels, rows.starts)
        judged.add(rows, findings, config.labels.suspicious)
    return judged


def _repeats(rows: RowsUnderRepair, config: Clean, judged: Judged) -> None:
    # Numbers differ for rows with equal features as a matter of course; only classes contradict each other.
    conflicts: Action = config.conflicts if rows.dataset.task != "regression" else "keep"
    marks = rows.find_faults(partial(row_marks, rows.dataset))
    repeats = find_repeats(marks, rows.dataset, lambda: rows.starts)
    # Not to look spares reading the table.
    if config.duplicates == "quarantine":
        # One event that is written down twice is one event, wherever it stands.
        rows.take_out(repeats.duplicates)
    judged.facts["num_alike"] = repeats.num_alike
    judged.add(rows, repeats.conflicts, conflicts)


def _near_duplicates(rows: RowsUnderRepair, config: Clean, judged: Judged) -> None:
    settings, starts = config.near_duplicates, rows.starts
    images, texts = rows.dataset.names_of_type("image"), rows.dataset.names_of_type("text")
    if images and settings.image != "keep":
        judged.add(rows, near_images(rows.parts, images, settings.image_distance, starts), settings.image)
    if texts and settings.text != "keep":
        judged.add(rows, near_texts(rows.parts, texts, settings.text_similarity, starts), settings.text)


def _outliers(rows: RowsUnderRepair, config: Clean, judged: Judged) -> None:
    """Clipped ones were moved to their bound when values were put right; the others are flagged, or go."""
    settings = outlier_settings(rows.dataset.columns, config)
    looked = {name: own for name, own in settings.items() if own.action != "clip"}
    if looked:
        # Bounds first, for all columns in one reading: the actions only differ in what becomes of the rows.
        bounds = learn_bounds(rows.training_parts, looked)
        actions: tuple[Action, ...] = ("flag", "quarantine")
        for action in actions:
            chosen = {name: bounds[name] for name, own in looked.items() if own.action == action and bounds[name]}
            if chosen:
                judged.add(rows, outside(rows.parts, chosen), action)
        # Columns without bounds stand there too, as null: a reader sees that they were looked at.
        judged.facts["outliers"] = {name: None if b is None else asdict(b) for name, b in bounds.items()}
    numbers = [column.name for column in rows.dataset.features if has_setting(column, "outliers")]
    if config.number.outliers.method == "isolation_forest" and numbers:
        findings = isolated(rows.parts, numbers, config.number.outliers, rows.starts)
        judged.add(rows, findings, "quarantine" if config.number.outliers.action == "quarantine" else "flag")
