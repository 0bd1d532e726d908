"""The registry as the soak reads it, by MLflow's own client."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tasks.promotion.chain import verify
from tasks.promotion.history import carried_out
from tasks.tracking.known_aliases import marks, read_aliases
from tasks.tracking.tags import CHAMPION, MODEL_TAG
from tests.soak.operation.checks import ChampionMove, RegisteredVersion, RegistryState
from tests.soak.operation.content import PIPELINE

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

_STRENGTH = "estimator.C"


def registry_state(address: str) -> RegistryState:
    """Nothing is written. `address` is that of MLflow's server."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    from mlflow import MlflowClient

    client = MlflowClient(address)
    experiment = client.get_experiment_by_name(PIPELINE)
    if experiment is None or not client.search_registered_models(f"name = '{PIPELINE}'"):
        return RegistryState(versions=(), champion=None, moves=())
    runs = {run.info.run_id: run for run in _runs(client, experiment.experiment_id)}
    known = read_aliases(client, PIPELINE)
    models = client.search_logged_models([experiment.experiment_id], max_results=1000)
    return RegistryState(
        versions=tuple(sorted(_versions(client, runs), key=lambda version: version.number)),
        champion=known.champion,
        moves=tuple(
            ChampionMove(who=record.who, reason=record.reason, before=before, after=after)
            for record in carried_out(known.records)
            if CHAMPION in record.moves
            for before, after in [record.moves[CHAMPION]]
        ),
        problems=verify(known.kept, marks(client, PIPELINE)).problems,
        running_runs=tuple(name for name, run in runs.items() if run.info.status == "RUNNING"),
        unready_models=tuple(model.model_id for model in models if model.status != "READY"),
    )


def _versions(client: MlflowClient, runs: dict[str, Run]) -> list[RegisteredVersion]:
    return [
        RegisteredVersion(
            number=int(version.version),
            status=version.status,
            model=version.tags[MODEL_TAG],
            strength=float(runs[str(version.run_id)].data.params[_STRENGTH]),
            log_loss=float(runs[str(version.run_id)].data.metrics["test_log_loss"]),
        )
        for version in client.search_model_versions(f"name = '{PIPELINE}'", max_results=1000)
    ]


def _runs(client: MlflowClient, experiment: str) -> list[Run]:
    runs: list[Run] = []
    token: str | None = None
    while token != "":
        page = client.search_runs([experiment], max_results=1000, page_token=token)
        runs += page
        token = page.token or ""
    return runs
