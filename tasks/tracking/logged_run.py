"""The run that a version came from, as the version's page shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.energy import Energy
from tasks.tracking.card_pictures import CARD_FOLDER
from tasks.tracking.tags import ENERGY_METRIC, ENERGY_TAG

if TYPE_CHECKING:
    from mlflow import MlflowClient


@dataclass(frozen=True, kw_only=True)
class LoggedRun:
    """The files that the run keeps, by their paths among its artifacts, and what its training took; None where nobody
    has counted it."""

    experiment_id: str
    run_id: str
    files: frozenset[str]
    energy: Energy | None = None


def logged_run(client: MlflowClient, run_id: str) -> LoggedRun:
    """What the registry has of it."""
    kept = [entry.path for folder in ("", CARD_FOLDER) for entry in client.list_artifacts(run_id, folder)]
    run = client.get_run(run_id)
    watt_hours = run.data.metrics.get(ENERGY_METRIC)
    energy = None
    if watt_hours is not None:
        energy = Energy(watt_hours=watt_hours, source=run.data.tags.get(ENERGY_TAG, "nobody knows what"))
    return LoggedRun(experiment_id=run.info.experiment_id, run_id=run_id, files=frozenset(kept), energy=energy)
