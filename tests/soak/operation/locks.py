"""What is held in a project's folder: looked at while nothing runs, without keeping anything."""

from __future__ import annotations

import fcntl
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

_OF_THE_SUPERVISOR = ".modelwright/up/lock"
"""Held for as long as it runs."""

_SECONDS = 10.0
"""A server may be writing something down: what is held for longer is not let go of."""


def held_locks(root: Path) -> Iterator[str]:
    """The lock files that a process holds."""
    for file in sorted({*root.rglob("*.lock"), *root.rglob(".lock"), root / ".dvc/tmp/lock"}):
        name = file.relative_to(root).as_posix()
        if name != _OF_THE_SUPERVISOR and ".git/" not in name and file.is_file() and _is_held(file):
            yield name


def _is_held(file: Path) -> bool:
    with file.open("rb") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        fcntl.flock(opened, fcntl.LOCK_UN)
        return False


def reserved_paths(root: Path) -> list[str]:
    """What DVC's list has as read or written by somebody."""
    file = root / ".dvc" / "tmp" / "rwlock"
    text = file.read_text() if file.exists() else ""
    try:
        # By kind, read and write; a kind may be there without a path.
        return sorted({path for paths in json.loads(text).values() for path in paths}) if text else []
    except ValueError:
        return ["everything (the list is damaged)"]


def locked_databases(root: Path) -> Iterator[str]:
    """Those that do not let a writer begin."""
    for file in (root / "mlflow" / "mlflow.db", root / ".modelwright" / "up" / "prefect.db"):
        if file.exists() and not _can_be_written(file):
            yield file.relative_to(root).as_posix()


def _can_be_written(file: Path) -> bool:
    with closing(sqlite3.connect(file, timeout=_SECONDS, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
        except sqlite3.OperationalError:
            return False
        return True
