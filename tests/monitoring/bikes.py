"""Bike sharing by the hour as a service would live it: trained on 2011, and 2012 comes month by month."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tasks.memo.chain import run_plain
from tasks.monitoring.feedback import take_labels
from tasks.paths import Project
from tasks.scoring.job import score
from tasks.scoring.request import Request, settings_of
from tasks.tracking.registered import RegisteredModel, registered_model
from tests.projects import make_project

PARAMS = """\
pipelines:
  bikes:
    ingest:
      source: {{kind: table, path: rentals}}
      target: cnt
      columns: {{instant: {{role: id}}, dteday: {{role: time}}}}
    validate: {{max_quarantined: 0.5}}
    clean: {{}}
    split: {{kind: time, validation: 0.08, test: 0.08}}
    normalize: {{}}
    augment: {{}}
    train: {{kind: lightgbm, num_iterations: {rounds}, learning_rate: 0.1, refit: all_rows}}
    evaluate: {{robustness: {{enabled: false}}}}
    register: {{metric: mae}}
    monitor: {{log: true, retrain: [larger_loss]}}
"""
ASKED = [
    "instant", "dteday", "season", "mnth", "hr", "holiday", "weekday", "workingday", "weathersit", "temp", "atemp",
    "hum", "windspeed",
]  # fmt: skip


KEPT_MONTHS = 6


@dataclass(frozen=True, kw_only=True)
class Month:
    """What came of one: errors by the champion of then and by the first version, and what watching did."""

    number: int
    version: int
    mae: float
    mae_of_first: float
    state: str
    fired: tuple[str, ...]
    training: str | None


def rentals(hours: Path) -> pl.DataFrame:
    """Without the year, and without the two counts that add up to the target."""
    return pl.read_csv(hours, try_parse_dates=True).select(*ASKED, "cnt")


def of_month(rows: pl.DataFrame, year: int, number: int) -> pl.DataFrame:
    """Its hours."""
    return rows.filter((pl.col("dteday").dt.year() == year) & (pl.col("dteday").dt.month() == number))


def service(root: Path, store: Path, rows: pl.DataFrame, rounds: int) -> Project:
    """A project that has learnt from all hours of 2011."""
    (root / "rentals").mkdir(parents=True)
    for number in range(1, 13):
        of_month(rows, 2011, number).write_csv(root / "rentals" / f"2011-{number:02d}.csv")
    project = make_project(root, PARAMS.format(rounds=rounds), store)
    run_plain(project, "bikes")
    return project


def live(project: Project, rows: pl.DataFrame, number: int) -> Month:
    """One month of 2012: its hours are answered, labels come, the flow looks, and the hours join the source."""
    from flows.monitoring import monitoring

    hours = of_month(rows, 2012, number)
    champion = registered_model(project, "bikes")
    mae = error(project, champion, hours, datetime(2012, number, 28, 20))
    first = champion if champion.version == 1 else registered_model(project, "bikes:1")
    mae_of_first = mae if champion.version == 1 else error(project, first, hours, None)
    labels = project.root / "labels.csv"
    hours.select("instant", "cnt").write_csv(labels)
    take_labels(project, champion, {"kind": "table", "path": str(labels)}, datetime(2012, number, 28, 21))
    hours.write_csv(project.root / "rentals" / f"2012-{number:02d}.csv")
    # What is to be learnt from: the newest half year, as rentals have grown.
    for old in sorted((project.root / "rentals").iterdir())[:-KEPT_MONTHS]:
        old.unlink()
    next_month = date(2012 + number // 12, number % 12 + 1, 1)
    looked: dict[str, Any] = monitoring("bikes", now=datetime(next_month.year, next_month.month, 1))
    return Month(
        number=number,
        version=champion.version,
        mae=mae,
        mae_of_first=mae_of_first,
        state=looked["state"],
        fired=tuple(rule["rule"] for rule in looked["fired"]),
        training=looked["training"],
    )


def error(project: Project, model: RegisteredModel, hours: pl.DataFrame, time: datetime | None) -> float:
    """The mean absolute error of a version on a month; its answers are logged where a time is given."""
    source, out = project.root / "hours.csv", project.root / "answers.parquet"
    hours.drop("cnt").write_csv(source)
    settings = settings_of(project, "bikes")
    assert settings is not None
    if time is None:
        settings = settings.model_copy(update={"monitor": settings.monitor.model_copy(update={"log": False})})
    block = {"kind": "table", "path": str(source)}
    score(Request(project=project, model=model, source=block, out=str(out), settings=settings, time=time))
    answers = pl.read_parquet(out)["prediction"].to_numpy()
    return float(np.abs(answers - hours["cnt"].to_numpy()).mean())
