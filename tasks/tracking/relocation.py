"""The places in the project's own store, which are absolute: put right when the project was moved or copied."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tasks.tracking.database import opened

_PLACES = {
    "experiments": ("artifact_location",),
    "runs": ("artifact_uri",),
    "logged_models": ("artifact_location",),
    "model_versions": ("source", "storage_location"),
    # Where MLflow keeps what a trace holds.
    "trace_tags": ("value",),
}

_TAIL = "/mlflow/artifacts"
"""How the place of artifacts ends in every project."""

_DEFAULT_EXPERIMENT = 0
"""The one that is made with the store: its place is the store's own."""

_logger = logging.getLogger(__name__)


def put_right(database: Path, artifacts: Path) -> None:
    """Makes the places in the store those below `artifacts`, in one transaction, and says so.

    Other places, such as buckets and folders that somebody chose, stay.
    """
    with opened(database) as connection:
        former = _former_roots(connection, artifacts)
        if not former:
            return
        connection.execute("BEGIN IMMEDIATE")
        with connection:
            num_places = sum(_replace(connection, root, new) for root, new in former.items())
    # A store that holds nothing yet has one place, that of the default experiment: nobody asks where it was.
    if num_places == 1:
        return
    moved_from = ", ".join(sorted({str(_local(root).parents[1]) for root in former}))
    _logger.warning(
        "%s: the project lay in %s when its runs and models were stored; %d places are put right",
        database,
        moved_from,
        num_places,
    )


def _former_roots(connection: sqlite3.Connection, artifacts: Path) -> dict[str, str]:
    """What the artifacts' folder was called, as a URI or a path, and what it is called now, in the same form."""
    roots: dict[str, str] = {}
    for number, place in connection.execute("SELECT experiment_id, artifact_location FROM experiments"):
        root, _, name = (place or "").rpartition("/")
        if not root.endswith(_TAIL) or not root.startswith(("file:///", "/")) or _is_same(_local(root), artifacts):
            continue
        # A folder elsewhere that somebody chose has no twin here.
        if number == _DEFAULT_EXPERIMENT or (artifacts / unquote(name)).is_dir():
            roots[root] = artifacts.as_uri() if root.startswith("file:") else str(artifacts)
    return roots


def _local(root: str) -> Path:
    return Path(unquote(urlsplit(root).path) if root.startswith("file:") else root)


def _is_same(root: Path, artifacts: Path) -> bool:
    """Whether both name one folder, perhaps one of them through a link."""
    if root == artifacts:
        return True
    try:
        return root.parent.samefile(artifacts.parent)
    except OSError:
        return False


def _replace(connection: sqlite3.Connection, old: str, new: str) -> int:
    """How many places began with `old`, and now begin with `new`."""
    num_places = 0
    for table, columns in _PLACES.items():
        # An earlier MLflow's store lacks some.
        present = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
        for column in present.intersection(columns):
            # By what it begins with, up to a slash: /a/b is no part of /a/bc, and text that names a place is none.
            changed = connection.execute(
                f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?",
                (f"{new}/", len(old) + 2, len(old) + 1, f"{old}/"),
            )
            num_places += changed.rowcount
    return num_places
