"""An SQLite file that is only read: it, its journals and its folder are after the reading what they were before."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from tasks.errors import UserError
from tasks.parallel import is_abandoned

if TYPE_CHECKING:
    from sqlalchemy import URL

_READS = frozenset(
    [sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE],
)
"""What a query does; pragmas, ATTACH and VACUUM INTO write beside a file that is opened read-only."""
_STEPS_BETWEEN_SIGNALS = 100_000
"""Of SQLite's own machine: some milliseconds."""
_UNFINISHED = ("SQLITE_READONLY_ROLLBACK", "SQLITE_READONLY_RECOVERY", "SQLITE_READONLY_CANTINIT", "SQLITE_CANTOPEN")
_WAL_VERSION = b"\x02\x02"
"""At byte 18 of a file whose journal is a write-ahead log (file format, 1.3)."""


def journal(file: Path) -> Path:
    """Where what is written stays until a checkpoint, in WAL mode."""
    return file.with_name(f"{file.name}-wal")


def read_only(url: URL, file: Path) -> URL:
    """The URL that opens the file for reading alone."""
    query = {**url.query, "mode": "ro", "uri": "true"}
    # Without a log nobody writes: then none is made for the reading, which could not be on a read-only disk.
    if _is_idle(file):
        query["immutable"] = "1"
    return url.set(database=f"file:{quote(str(file))}", query=query)


@contextmanager
def unchanged(file: Path, shown: str) -> Iterator[None]:
    """Raises UserError when somebody began to write to an idle file, as nothing kept the two apart."""
    idle, before = _is_idle(file), _state(file)

    def check() -> None:
        if idle and (journal(file).exists() or _state(file) != before):
            raise UserError(f"{shown}: changed while it was read; run again when nothing writes to it")

    try:
        yield
    except UserError:
        # Half of one state and half of another looks damaged.
        check()
        raise
    check()


def allow_reading_alone(connection: object) -> None:
    """Whatever the query says: each statement is looked at before it runs."""
    # Another driver than Python's own has the file opened read-only, and no more.
    if isinstance(connection, sqlite3.Connection):
        connection.set_authorizer(_verdict)
        # A query without an end would never come back to Python, where Ctrl-C and SIGTERM are heard.
        connection.set_progress_handler(is_abandoned, _STEPS_BETWEEN_SIGNALS)


def is_refused(error: BaseException | None) -> bool:
    """Whether the statement does something else than reading."""
    return getattr(error, "sqlite_errorname", "") == "SQLITE_AUTH"


def is_interrupted(error: BaseException | None) -> bool:
    """Whether a signal ended the query: sqlite3 keeps the exception that the signal's handler raised to itself."""
    return getattr(error, "sqlite_errorname", "") == "SQLITE_INTERRUPT"


def is_unfinished(error: BaseException | None) -> bool:
    """Whether another program was cut off while it wrote, and only one that may write can put that right."""
    return getattr(error, "sqlite_errorname", "") in _UNFINISHED


def _verdict(action: int, *about: str | None) -> int:
    return sqlite3.SQLITE_OK if action in _READS else sqlite3.SQLITE_DENY


def _is_idle(file: Path) -> bool:
    with file.open("rb") as content:
        return content.read(20)[18:] == _WAL_VERSION and not journal(file).exists()


def _state(file: Path) -> tuple[int, int]:
    status = file.stat()
    return status.st_size, status.st_mtime_ns
