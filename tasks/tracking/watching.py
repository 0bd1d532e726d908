"""What watching leaves in MLflow: the page of the last look, with the run of the version that was looked at."""

from __future__ import annotations

from pathlib import Path

from tasks.paths import Project
from tasks.tracking import store

FOLDER = "monitoring"
"""Of the run's artifacts."""


def log_monitoring_page(project: Project, name: str, version: int, page: Path) -> None:
    """In the place of the one before it. Raises UserError when the registry does not answer."""
    with store.reachable(project):
        client = store.connect(project)
        run_id = client.get_model_version(name, str(version)).run_id
        client.log_artifact(run_id, str(page), FOLDER)
