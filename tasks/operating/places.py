"""Where the servers of `modelwright up` keep what they need and leave: one folder, which git does not have."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from tasks.paths import Project


def folder(project: Project) -> Path:
    """Of the project that owns the tracking store."""
    return project.home / ".modelwright" / "up"


def record(project: Project) -> Path:
    """Which servers are up, where, and by which processes."""
    return folder(project) / "operation.json"


def lock(project: Project) -> Path:
    """Held for as long as a supervisor runs."""
    return folder(project) / "lock"


def log(project: Project) -> Path:
    """What the services said, of a supervisor in the background."""
    return folder(project) / "log"


def errors(project: Project) -> Path:
    """Why a supervisor in the background ended."""
    return folder(project) / "errors"


def credentials(project: Project) -> Path:
    """What the servers ask for once others can reach them; nobody but its owner may read it."""
    return folder(project) / "credentials.json"


def users(project: Project) -> Path:
    """Whom MLflow's pages let in."""
    return folder(project) / "users.db"


def prefect_database(project: Project) -> Path:
    """The runs that Prefect's server shows."""
    return folder(project) / "prefect.db"


def leases(project: Project) -> Path:
    """Who holds a slot of what Prefect's server has run one at a time."""
    return folder(project) / "leases"


def port_claims() -> Path:
    """Which ports the user's projects keep for their servers: of all projects, as ports are the machine's."""
    return Path(tempfile.gettempdir()) / f"modelwright-ports-{os.getuid()}"
