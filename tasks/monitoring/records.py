"""What a look found in each window, as it is kept: a JSON file a window, written once and never again."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BeforeValidator

from tasks import files
from tasks.monitoring.estimated_performance import EstimatedMetric
from tasks.monitoring.tail_bounds import Floats
from tasks.params.config import Config
from tasks.params.monitor import LossName, RuleName
from tasks.params.renamed import RENAMED_WORDS

State = Literal["healthy", "drifted", "degraded", "unknown"]
StratumCounts = dict[int, tuple[float, ...]]
"""The rows in each cell [K] by their stratum; strata without rows are left out."""


class ColumnChange(Config):
    """A change that is beyond chance over all columns and looks; `windows` are how many of the newest tell it.

    `place` is the column's among those that are watched, as an answer may be called like a column.
    """

    place: int
    column: str
    test: str
    windows: int
    p_value: float
    sentence: str


class FiredRule(Config):
    """A rule that does not hold, and why."""

    # Windows of earlier versions of the tool are never written again.
    rule: Annotated[RuleName, BeforeValidator(lambda name: RENAMED_WORDS["monitor.retrain"].get(name, name))]
    sentence: str


class MetricOfWindow(Config):
    """A metric of labelled rows with its 95 % interval; None where a single row or group tells nothing of others."""

    metric: LossName
    value: float
    low: float | None
    high: float | None
    num_rows: int


class RowWindow(Config):
    """Rows that were answered from the day `begin` up to and without `end`: the `number`-th look at the version.

    `num_rows` of them were logged, `num_errors` of which were not answered; with the sample they stand for
    `num_asked`, on the day with fewest `least_a_day`. `counts` are of columns, then answers, in cells.
    """

    number: int
    begin: date
    end: date
    num_rows: int
    num_errors: int
    num_asked: float
    least_a_day: float
    latency_p95_ms: float | None
    counts: tuple[StratumCounts, ...]
    estimates: tuple[EstimatedMetric, ...]
    changes: tuple[ColumnChange, ...]
    fired: tuple[FiredRule, ...]


class LabelWindow(Config):
    """Rows whose label first came from the day `begin` up to and without `end`, and what it has told of the answers."""

    number: int
    begin: date
    end: date
    num_rows: int
    counts: tuple[StratumCounts, ...]
    metrics: tuple[MetricOfWindow, ...]
    changes: tuple[ColumnChange, ...]
    fired: tuple[FiredRule, ...]


def write_window(folder: Path, window: RowWindow | LabelWindow) -> None:
    """Once: what was looked at is not looked at again, as each look spends of the chance of a false alarm."""
    kind = "rows" if isinstance(window, RowWindow) else "labels"
    files.write_json(folder / f"{kind}-{window.number:06d}.json", window.model_dump(mode="json"))


def row_windows(folder: Path) -> list[RowWindow]:
    """All of rows, in order."""
    return [RowWindow.model_validate(files.read_json(file)) for file in sorted(folder.glob("rows-*.json"))]


def label_windows(folder: Path) -> list[LabelWindow]:
    """All of labels, in order."""
    return [LabelWindow.model_validate(files.read_json(file)) for file in sorted(folder.glob("labels-*.json"))]


def as_kept(counts: Floats) -> StratumCounts:
    """Counts [S, K] without the strata that have no rows."""
    return {stratum: tuple(row) for stratum, row in enumerate(counts.tolist()) if any(row)}


def as_counts(kept: StratumCounts, num_strata: int, num_cells: int) -> Floats:
    """Counts [S, K]."""
    counts = np.zeros((num_strata, num_cells))
    for stratum, row in kept.items():
        counts[stratum] = row
    return counts


def state_of(rows: list[RowWindow], labels: list[LabelWindow]) -> State:
    """What the newest windows say: a larger loss weighs more than rows that are others, which may cost nothing."""
    if not rows and not labels:
        return "unknown"
    if labels and any(rule.rule in ("larger_loss", "quality") for rule in labels[-1].fired):
        return "degraded"
    return "drifted" if rows and rows[-1].changes else "healthy"
