"""What a tracking store holds of pipelines, for a page that only looks: aliases, their history, the last trainings.

Of a local store all of it is read from the database itself: MLflow's import would take three seconds.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.paths import Project
from tasks.promotion.history import AliasRecord, parsed
from tasks.tracking import store
from tasks.tracking.database import opened
from tasks.tracking.known_aliases import read_aliases
from tasks.tracking.tags import HISTORY_TAG, TRIAL_TAG

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

LAST_RUNS = 10
"""Trainings of a pipeline that are read, the newest first."""


@dataclass(frozen=True, kw_only=True)
class ViewedRun:
    """A training as the store has it; `status` is MLflow's, and `metrics` are those of its last step."""

    experiment_id: str
    run_id: str
    name: str
    status: str
    started: datetime
    ended: datetime | None
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ViewedModel:
    """What the store has under a pipeline's name: aliases with their versions, records of their moves, last trainings.

    Nothing is written down of moves that others made: the records may be older than the aliases.
    """

    aliases: Mapping[str, int] = field(default_factory=dict)
    records: tuple[AliasRecord, ...] = ()
    runs: tuple[ViewedRun, ...] = ()


def viewed_models(project: Project, names: Sequence[str]) -> dict[str, ViewedModel]:
    """Of each name; empty where nothing was tracked yet. Raises UserError when the store cannot be read."""
    if store.is_local(project):
        database = store.local_database(project)
        return dict.fromkeys(names, ViewedModel()) if database is None else _in_database(database, names)
    with store.reachable(project):
        client = store.connect(project)
        known = {model.name for model in client.search_registered_models(max_results=1000)}
        return {name: _of_server(client, name, is_registered=name in known) for name in names}


def _in_database(database: Path, names: Sequence[str]) -> dict[str, ViewedModel]:
    with opened(database) as connection:
        return {
            name: ViewedModel(
                aliases=_pairs(connection, "SELECT alias, version FROM registered_model_aliases WHERE name = ?", name),
                records=_sound(_pairs(connection, "SELECT key, value FROM registered_model_tags WHERE name = ?", name)),
                runs=tuple(islice(_runs_in(connection, name), LAST_RUNS)),
            )
            for name in names
        }


def _pairs(connection: sqlite3.Connection, query: str, *arguments: str) -> dict[str, int]:
    return dict(connection.execute(query, arguments).fetchall())


def _sound(tags: Mapping[str, object]) -> tuple[AliasRecord, ...]:
    """The records among a model's tags that are as they were written."""
    kept = {key.removeprefix(HISTORY_TAG): str(text) for key, text in tags.items() if key.startswith(HISTORY_TAG)}
    records = {label: parsed(text) for label, text in kept.items()}
    return tuple(record for label, record in records.items() if record is not None and record.label == label)


def _runs_in(connection: sqlite3.Connection, name: str) -> Iterator[ViewedRun]:
    rows = connection.execute(
        "SELECT run.experiment_id, run.run_uuid, run.name, run.status, run.start_time, run.end_time "
        "FROM runs AS run JOIN experiments AS experiment ON experiment.experiment_id = run.experiment_id "
        "WHERE experiment.name = ? AND run.lifecycle_stage = 'active' "
        # A search of settings may have hundreds of trials, and is one run above them.
        "AND NOT EXISTS (SELECT 1 FROM tags WHERE tags.run_uuid = run.run_uuid AND tags.key = ?) "
        "ORDER BY run.start_time DESC LIMIT ?",
        (name, TRIAL_TAG, LAST_RUNS),
    )
    for experiment_id, run_id, run_name, status, started, ended in rows.fetchall():
        query = "SELECT key, value FROM latest_metrics WHERE is_nan = 0 AND run_uuid = ?"
        yield ViewedRun(
            experiment_id=str(experiment_id),
            run_id=run_id,
            name=run_name or "",
            status=status,
            started=_moment(started),
            ended=_moment(ended) if ended else None,
            metrics=_pairs(connection, query, run_id),
        )


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _of_server(client: MlflowClient, name: str, *, is_registered: bool) -> ViewedModel:
    known = read_aliases(client, name) if is_registered else None
    experiment = client.get_experiment_by_name(name)
    runs: list[Run] = []
    if experiment is not None:
        # More than are shown, as trials of a search are left out: MLflow cannot be asked for what lacks a tag.
        runs = [*client.search_runs([experiment.experiment_id], max_results=20 * LAST_RUNS)]
    trainings = (run for run in runs if TRIAL_TAG not in run.data.tags)
    return ViewedModel(
        aliases=known.aliases if known else {},
        records=known.records if known else (),
        runs=tuple(map(_viewed, islice(trainings, LAST_RUNS))),
    )


def _viewed(run: Run) -> ViewedRun:
    info = run.info
    return ViewedRun(
        experiment_id=info.experiment_id,
        run_id=info.run_id,
        name=info.run_name or "",
        status=info.status,
        started=_moment(info.start_time),
        ended=_moment(info.end_time) if info.end_time else None,
        metrics=run.data.metrics,
    )
