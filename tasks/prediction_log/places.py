"""Where all lies that is kept of answers, beside what the stages leave: DVC knows nothing of it, and removes none."""

from __future__ import annotations

from pathlib import Path

from tasks.paths import Paths, Project


def version_folder(paths: Paths, version: int) -> Path:
    """What a version answered: a Parquet file a batch."""
    return predictions_folder(paths) / f"version={version}"


def predictions_folder(paths: Paths) -> Path:
    """What all versions answered, a folder each."""
    return paths.data / "predictions"


def labels_folder(paths: Paths) -> Path:
    """The labels that came later: a Parquet file for each that was given."""
    return paths.data / "labels"


def refused_labels_folder(paths: Paths) -> Path:
    """Labels that go with no logged row, or contradict each other: a Parquet file for each that was given."""
    return paths.quarantine("feedback")


def monitoring_folder(paths: Paths, version: int) -> Path:
    """What the looks at a version left: its training rows in small, and a line a window."""
    return paths.data / "monitoring" / f"version={version}"


def shadow_lock(paths: Paths) -> Path:
    """What one process at a time holds that compares champion and challenger on live rows."""
    return paths.data / "monitoring" / "shadow.lock"


def monitoring_page(paths: Paths) -> Path:
    """The page of the last look."""
    return paths.reports / "monitoring.html"


def row_key_secret(project: Project) -> Path:
    """What rows' keys are made with, where the environment has no key."""
    return project.home / ".modelwright" / "row_keys"
