"""The tracking store: where it is, made once under a lock, and MLflow kept quiet."""

from __future__ import annotations

import logging
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tasks import files
from tasks.addresses import shown_address, without_secrets
from tasks.errors import UnreachableError, UserError
from tasks.paths import Project
from tasks.tracking.database import check, cure
from tasks.tracking.outages import MOST_RETRIES, causes, may_pass
from tasks.tracking.relocation import put_right
from tasks.tracking.uri import DATABASES, VARIABLE, check_uri

if TYPE_CHECKING:
    from mlflow import MlflowClient

_SQLITE = "sqlite:///"

_EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}
"""MLflow's pages open such an experiment with its training runs and curves, not with prompts and traces."""

_SETTINGS = {
    # Two tries and a short patience: a server that is down costs a training seconds, not minutes.
    MOST_RETRIES: "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # A uv.lock in the working directory is not this model's.
    "MLFLOW_UV_AUTO_DETECT": "false",
}


def tracking_uri(project: Project) -> str:
    """MLFLOW_TRACKING_URI when it is set, else the project's own SQLite store."""
    return os.environ.get(VARIABLE) or f"{_SQLITE}{project.tracking / 'mlflow.db'}"


def shown_uri(project: Project) -> str:
    """The tracking URI as messages show it: without the secrets that may stand in it."""
    return shown_address(tracking_uri(project))


def check_address(project: Project) -> None:
    """Raises UserError for a tracking URI that MLflow cannot use, whatever runs there. Asks nobody."""
    if not is_local(project):
        check_uri(tracking_uri(project))


def is_local(project: Project) -> bool:
    """Whether the store is a SQLite file, and no server."""
    return tracking_uri(project).startswith(_SQLITE)


def is_database(project: Project) -> bool:
    """Whether the store is a database, a SQLite file or another one, in front of which a server may stand."""
    return tracking_uri(project).partition(":")[0].partition("+")[0] in DATABASES


def local_database(project: Project) -> Path | None:
    """The file of the store; None for a server, and where there is no file yet.

    Of a project that was moved or copied, the places in it are put right first. Raises UserError, with its cure, for
    a file that is damaged.
    """
    database = _file(project)
    if not is_local(project):
        return None
    # MLflow writes such places as addresses, and finds no model when it reads them.
    if sign := re.search(r"[?#]|%[0-9A-Fa-f]{2}", str(database)):
        raise UserError(
            f"{database}: the path holds {sign[0]}, with which MLflow finds no model; rename the folder: what is in it "
            "moves along"
        )
    if not database.exists():
        _check_place(database)
        return None
    # A store elsewhere may be shared: what it says of this project's artifacts, it may say of another copy's.
    is_own = database == project.tracking / database.name
    if is_own:
        put_right(database, project.tracking / "artifacts")
    else:
        check(database)
    return database


def _check_place(database: Path) -> None:
    """Raises UserError where a new store cannot be made, or would replace what somebody has put there."""
    place = next(place for place in (database, *database.parents) if os.path.lexists(place))
    if place.is_symlink() and not place.exists():
        raise UserError(
            f"{place}: links to a place that is not there ({place.readlink()}); bring that back, as by mounting its "
            "disk, or remove the link: a new store is made then, without the runs and versions of the other"
        )
    # Another process may have made the store meanwhile.
    if place != database and not place.is_dir():
        raise UserError(f"{place}: a file in the place of a folder, in which the store is to lie; move it away")


def ensure_store(project: Project) -> str:
    """The tracking URI, ready to use: a SQLite store is made when it is not there, by one process at a time.

    It is made aside and renamed, because MLflow cannot go on with a store whose migrations were cut off half-way.
    Raises UserError for an address that MLflow cannot use.
    """
    check_address(project)
    if local_database(project) is None and is_local(project):
        from filelock import FileLock

        database = _file(project)
        with files.storage_errors(database):
            database.parent.mkdir(parents=True, exist_ok=True)
        # MLflow's migrations fail when two processes run them on one file.
        with FileLock(database.with_suffix(".lock")):
            if not database.exists():
                _create(database)
    return tracking_uri(project)


def _file(project: Project) -> Path:
    return Path(tracking_uri(project).removeprefix(_SQLITE)).absolute()


def check_store(project: Project) -> str:
    """What to say of a store that answers. Raises UserError when it does not."""
    if is_local(project) and not _file(project).exists():
        _check_place(_file(project))
        return "not there yet; the first training makes it"
    with reachable(project):
        num_experiments = len(connect(project).search_experiments())
    return f"answers, {num_experiments} experiments"


def connect(project: Project) -> MlflowClient:
    """A client of the project's store.

    The URI is passed, never set globally: MLflow would put it into the environment, where the next project finds it.
    """
    _silence()
    from mlflow import MlflowClient
    from mlflow.store.db import utils

    # MLflow's own ten, with pauses that double, take 100 s for a database that is down, and no setting says so.
    utils.MAX_RETRY_COUNT = 3
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    # It warns of each attempt, with the whole address; what comes of the attempts is told by whoever asked.
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
    return MlflowClient(ensure_store(project))


def experiment(client: MlflowClient, project: Project, name: str) -> str:
    """The id of the experiment, made when it is not there and restored when it was deleted.

    Local stores get a place for artifacts that does not depend on the working directory; a server has its own.
    """
    existing = client.get_experiment_by_name(name)
    if existing is None:
        return _create_experiment(client, project, name)
    if existing.lifecycle_stage == "deleted":
        client.restore_experiment(existing.experiment_id)
    return str(existing.experiment_id)


def failures() -> tuple[type[Exception], ...]:
    """What is raised when a store cannot be reached or written."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    return MlflowException, SQLAlchemyError, sqlite3.Error, OSError


COMMAND_AGAIN = "then give the command again"
"""What can be done where no stage is at work: `otherwise` of `reachable`."""


@contextmanager
def reachable(project: Project, otherwise: str = "") -> Iterator[None]:
    """Says a store that cannot be reached or written as a UserError: nothing is lost, what was asked can run again.

    `otherwise` is what can be done without a server, where that is something else.
    """
    try:
        yield
    except failures() as error:
        if _is_ours(error):
            raise
        why = reason(error)
        kind = UnreachableError if may_pass(error) else UserError
        raise kind(
            f"{shown_uri(project)}: the tracking store cannot be used ({why}); {_advice(project, why, otherwise)}"
        ) from error


def _advice(project: Project, why: str, otherwise: str) -> str:
    if is_local(project):
        return cure(_file(project), why)
    if otherwise:
        return f"start it, or mend MLFLOW_TRACKING_URI; {otherwise}"
    return "start it, or mend MLFLOW_TRACKING_URI, and run again; nothing is lost"


def reason(error: Exception) -> str:
    """Why a store cannot be used, in a few words: the libraries between here and the network each add a wrapping."""
    import requests

    chain = list(causes(error))
    # Also by its text: MLflow wraps some timeouts in an error of its own.
    if any(isinstance(one, requests.Timeout) or "timed out" in str(one) for one in chain):
        return "it does not answer in time"
    if any(isinstance(one, requests.ConnectionError) for one in chain):
        return "no connection: nothing listens there, or the name is unknown"
    lines = str(error).splitlines() or [type(error).__name__]
    # MLflow heads a list of what could not be fetched with a line that does not say why.
    line = lines[-1].partition(" for url: ")[0] if lines[0].endswith(":") else lines[0]
    return without_secrets(line, os.environ.get(VARIABLE, ""))[:300]


def _is_ours(error: Exception) -> bool:
    """A wrong call, or a file of ours that is gone: bugs, whatever class they come in."""
    wrong_call = getattr(error, "error_code", None) in ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST")
    return wrong_call or isinstance(error, FileNotFoundError)


def _create(database: Path) -> None:
    _set_aside_logs(database)
    # In a folder of its own, as SQLite's journal lies beside it.
    with files.scratch(database) as scratch:
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

        draft = scratch / database.name
        with _quiet_migrations():
            store = SqlAlchemyStore(f"{_SQLITE}{draft}", (database.parent / "artifacts").as_uri())  # type: ignore[no-untyped-call]
        store.engine.dispose()
        # MLflow keeps one engine for each URI; this one's file is about to be renamed.
        SqlAlchemyStore._engine_map.pop(f"{_SQLITE}{draft}", None)
        with closing(sqlite3.connect(draft)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
        draft.rename(database)


def _set_aside_logs(database: Path) -> None:
    """SQLite would read the log of a store that is gone into the new one; and it may be all that is left of it."""
    for name in ("-wal", "-shm", "-journal"):
        log = database.with_name(database.name + name)
        if log.exists():
            log.rename(log.with_name(f"{log.name}.aside"))


@contextmanager
def _quiet_migrations() -> Iterator[None]:
    """alembic writes a line for each of some sixty migrations."""
    loggers = [logging.getLogger("alembic"), logging.getLogger("alembic.runtime.migration")]
    before = [logger.disabled for logger in loggers]
    for logger in loggers:
        logger.disabled = True
    try:
        yield
    finally:
        for logger, disabled in zip(loggers, before, strict=True):
            logger.disabled = disabled


def _create_experiment(client: MlflowClient, project: Project, name: str) -> str:
    from mlflow.exceptions import MlflowException

    served = tracking_uri(project).startswith(("http://", "https://", "databricks"))
    location = None if served else (project.tracking / "artifacts" / name).as_uri()
    try:
        return str(client.create_experiment(name, artifact_location=location, tags=_EXPERIMENT_TAGS))
    except MlflowException:
        # Another process may have made it in between; any other failure shows again here.
        existing = client.get_experiment_by_name(name)
        if existing is None:
            raise
        return str(existing.experiment_id)


def _silence() -> None:
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
