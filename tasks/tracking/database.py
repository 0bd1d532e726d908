"""A SQLite store opened without MLflow, whose import takes seconds: what is wrong with the file, and its cure."""

from __future__ import annotations

import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tasks.errors import UserError

_CURES = {
    # Of the system: another file or folder than the store itself.
    "[Errno ": "move aside what lies at that place, or give yourself the right to write there, and run again",
    "readonly": "give yourself the right to write there",
    "unable to open": "give yourself the right to read and write there",
    "locked": "another process holds it: end that one, or wait, and run again",
    "disk is full": "make room and run again: nothing is lost",
}
"""By a word of what SQLite says; for all else the file is damaged."""


@contextmanager
def opened(database: Path) -> Iterator[sqlite3.Connection]:
    """A connection that writes when it is told to, for as long as the context lasts.

    Raises UserError, with what is wrong and its cure, for whatever SQLite cannot do with the file.
    """
    if database.is_dir():
        raise UserError(_unusable(database, "a folder lies in its place"))
    # SQLite takes an empty file for a new store: runs and versions would be gone without a word.
    if database.stat().st_size == 0:
        raise UserError(_unusable(database, "it is empty"))
    try:
        # rw: never made anew, when somebody moves it away meanwhile.
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=rw", uri=True, isolation_level=None)) as connection:
            connection.execute("SELECT version_num FROM alembic_version").fetchone()
            yield connection
    except sqlite3.Error as error:
        raise UserError(_unusable(database, str(error))) from error


def check(database: Path) -> None:
    """Raises UserError for a file that is no store, or a damaged one."""
    with opened(database):
        pass


def _unusable(database: Path, reason: str) -> str:
    return f"{database}: the tracking store cannot be used ({reason}); {cure(database, reason)}"


def cure(database: Path, reason: str) -> str:
    """What to do about a store of which SQLite or MLflow says this."""
    for word, advice in _CURES.items():
        if word in reason:
            return advice
    if "out-of-date database schema" in reason:
        return _other_schema(database, reason)
    return f"bring its backup back (mlflow/README.md says how), or begin a new one: {_put_aside(database)}"


def _put_aside(database: Path) -> str:
    aside = database.with_name("aside")
    # With its log: SQLite would read an old one into a new store.
    files = f"{shlex.quote(str(database))}*"
    return (
        f"`mkdir -p {shlex.quote(str(aside))} && mv {files} {shlex.quote(str(aside))}`, and run again: the present "
        "model is registered anew, and earlier runs and versions are in what was moved"
    )


def _other_schema(database: Path, reason: str) -> str:
    import mlflow

    revisions = Path(mlflow.__file__).parent / "store" / "db_migrations" / "versions"
    known = {file.name.split("_")[0] for file in revisions.glob("*.py")}
    recorded = reason.partition("found version ")[2].partition(",")[0]
    if recorded in known:
        uri = shlex.quote(f"sqlite:///{database}")
        return f"an earlier MLflow made it: make a backup (mlflow/README.md says how), then `mlflow db upgrade {uri}`"
    return (
        f"it was made by another MLflow than the {mlflow.__version__} that is installed: install that one, or begin "
        f"a new store: {_put_aside(database)}"
    )
