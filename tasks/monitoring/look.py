"""A look at a version: the days that are over, in windows, beside its training rows; and the labels that have come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from tasks.errors import UserError
from tasks.monitoring.estimated_performance import JudgedAnswers
from tasks.monitoring.look_at_labels import label_window
from tasks.monitoring.look_at_rows import row_window
from tasks.monitoring.records import (
    FiredRule,
    LabelWindow,
    RowWindow,
    State,
    label_windows,
    row_windows,
    state_of,
    write_window,
)
from tasks.monitoring.reference import Reference, reference_of
from tasks.monitoring.settings import check_quality
from tasks.monitoring.windows import DAY, windows_between
from tasks.params.monitor import Monitor
from tasks.paths import Paths, Project
from tasks.prediction_log.labels import newest_labels
from tasks.prediction_log.log import first_day, logged_rows
from tasks.prediction_log.places import labels_folder, monitoring_folder
from tasks.scoring.request import settings_of
from tasks.tracking.registered import RegisteredModel


@dataclass(frozen=True, kw_only=True)
class Look:
    """What is known of a version after a look: all windows, of which the last `num_new_rows` and `num_new_labels` are
    new. `num_waiting` rows are of days that are over and too few yet; those of today are not counted."""

    model: RegisteredModel
    reference: Reference
    rows: Sequence[RowWindow]
    labels: Sequence[LabelWindow]
    num_new_rows: int
    num_new_labels: int
    num_waiting: int

    @property
    def state(self) -> State:
        """By the newest windows."""
        return state_of([*self.rows], [*self.labels])

    @property
    def fired(self) -> list[FiredRule]:
        """The rules that the newest windows do not keep."""
        return [rule for windows in (self.rows, self.labels) if windows for rule in windows[-1].fired]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; of each window all but its counts."""
        return {
            "model": {"name": self.model.name, "version": self.model.version, "alias": self.model.alias},
            "state": self.state,
            "fired": [rule.model_dump(mode="json") for rule in self.fired],
            "rows": [window.model_dump(mode="json", exclude={"counts"}) for window in self.rows],
            "labels": [window.model_dump(mode="json", exclude={"counts"}) for window in self.labels],
            "num_new": len(self.new),
            "num_waiting": self.num_waiting,
        }

    @property
    def new(self) -> list[RowWindow | LabelWindow]:
        """The windows that no look had before."""
        rows = self.rows[len(self.rows) - self.num_new_rows :]
        return [*rows, *self.labels[len(self.labels) - self.num_new_labels :]]


def look_at(project: Project, model: RegisteredModel, now: datetime | None = None) -> Look:
    """Looks at each window once, in its turn, and keeps what came of it.

    Raises UserError where nothing was logged, and where the training rows of the version are not at hand.
    """
    paths, settings = project.pipeline(model.name), settings_of(project, model.name)
    config = settings.monitor if settings else Monitor()
    today = (now or datetime.now(UTC).replace(tzinfo=None)).date()
    begin = first_day(paths, model.version)
    if begin is None:
        setting = f"write `monitor: {{log: true}}` in the block {model.name} of {project.params}, and "
        raise UserError(
            f"{model.shown}: none of its answers were logged; {'' if config.log else setting}answer rows, "
            f"such as by `modelwright predict {model.name} SOURCE`"
        )
    known = reference_of(paths, model, config)
    check_quality(config, "multiclass" if known[0].classes else "regression", paths)
    num_rows, num_waiting = _look_at_rows(paths, known, config, (begin, today))
    num_labels = _look_at_labels(paths, known[0], config, (begin, today))
    folder = monitoring_folder(paths, model.version)
    return Look(
        model=model,
        reference=known[0],
        rows=row_windows(folder),
        labels=label_windows(folder),
        num_new_rows=num_rows,
        num_new_labels=num_labels,
        num_waiting=num_waiting,
    )


def _look_at_rows(
    paths: Paths, known: tuple[Reference, JudgedAnswers], config: Monitor, days: tuple[date, date]
) -> tuple[int, int]:
    """How many windows of rows are new, and how many rows wait for more."""
    folder = monitoring_folder(paths, known[0].version)
    earlier = row_windows(folder)
    begin = earlier[-1].end if earlier else days[0]
    rows = logged_rows(paths, known[0].version, begin, days[1])
    if rows is None:
        return 0, 0
    # A row that was not answered is asked of nothing but how many there are.
    of_day = _rows_of_days(rows.filter(pl.col("error").is_null()), "time")
    windows = windows_between(of_day, begin, days[1], config.min_rows)
    for span in windows:
        inside = rows.filter(pl.col("time").dt.date().is_between(*span, closed="left"))
        earlier.append(row_window(inside, span, earlier, known, config))
        write_window(folder, earlier[-1])
    end = windows[-1][1] if windows else begin
    return len(windows), sum(num_rows for day, num_rows in of_day.items() if day >= end)


def _look_at_labels(paths: Paths, reference: Reference, config: Monitor, days: tuple[date, date]) -> int:
    """How many windows are new, by the day on which the first label of a row came."""
    folder: Path = monitoring_folder(paths, reference.version)
    rows = logged_rows(paths, reference.version, days[0], days[1] + DAY)
    labels = newest_labels(labels_folder(paths), pl.String if reference.classes else pl.Float64)
    if rows is None or labels.is_empty():
        return 0
    # Of a row that was asked several times, the last answer.
    answered = rows.filter(pl.col("error").is_null()).unique("row_key", keep="last", maintain_order=True)
    joined = answered.join(labels, on="row_key", how="inner", maintain_order="left")
    if reference.classes:
        joined = joined.filter(pl.col("label").is_in([*reference.classes]))
    earlier, of_day = label_windows(folder), _rows_of_days(joined, "first_received")
    if not of_day:
        return 0
    begin = earlier[-1].end if earlier else min(of_day)
    windows = windows_between(of_day, begin, days[1], config.min_rows)
    for span in windows:
        inside = joined.filter(pl.col("first_received").dt.date().is_between(*span, closed="left"))
        earlier.append(label_window(inside, span, earlier, reference, config))
        write_window(folder, earlier[-1])
    return len(windows)


def _rows_of_days(rows: pl.DataFrame, column: str) -> dict[date, int]:
    return dict(rows.group_by(pl.col(column).dt.date()).len().iter_rows())
