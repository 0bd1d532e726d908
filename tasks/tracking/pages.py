"""Where MLflow's pages show what is tracked: the training runs of a pipeline, a run, a model, a version.

An address without `workflowType` opens on MLflow's pages for prompts and traces, which are empty here.
"""

from __future__ import annotations

from urllib.parse import quote

from tasks.paths import Project
from tasks.tracking import store

DEFAULT_PORT = 5000
"""Where `modelwright ui` serves a local store, unless something else is there."""

_VIEW = "workflowType=machine_learning"


def experiments() -> str:
    """All experiments. Like all addresses here it is relative to the server's, whatever its port is."""
    return f"#/experiments?{_VIEW}"


def training_runs(experiment_id: str) -> str:
    """The training runs of one pipeline."""
    return f"#/experiments/{experiment_id}/runs?{_VIEW}"


def run(experiment_id: str, run_id: str) -> str:
    """One run: its parameters, metrics and curves."""
    return f"#/experiments/{experiment_id}/runs/{run_id}?{_VIEW}"


def artifact(experiment_id: str, run_id: str, path: str) -> str:
    """A file of the run, shown within the run's page."""
    return f"#/experiments/{experiment_id}/runs/{run_id}/artifacts/{quote(path)}?{_VIEW}"


def artifact_file(run_id: str, path: str) -> str:
    """The bytes of a file of the run, such as a picture."""
    return f"get-artifact?path={quote(path, safe='')}&run_uuid={run_id}"


def model(name: str) -> str:
    """A registered model with its versions."""
    return f"#/models/{quote(name)}?{_VIEW}"


def version(name: str, number: int) -> str:
    """One version of a registered model."""
    return f"#/models/{quote(name)}/versions/{number}?{_VIEW}"


def server(project: Project) -> str:
    """The address of the server whose pages these are; of a local store, that of `modelwright ui`."""
    # A page's address is passed around: it has neither user nor password.
    uri = store.shown_uri(project).replace("***@", "")
    return f"{uri.rstrip('/')}/" if uri.startswith(("http://", "https://")) else f"http://127.0.0.1:{DEFAULT_PORT}/"
