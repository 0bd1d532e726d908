"""params.yaml edited by one command at a time: what each has read there stands until it has written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tasks import files
from tasks.errors import UserError
from tasks.paths import Project

_PATIENCE = 60.0
"""Seconds. Within the lock a file is read and written, which takes none."""


@contextmanager
def editing(project: Project) -> Iterator[None]:
    """Within it no other command writes params.yaml: of two at once, each would leave out the other's block.

    Raises UserError where another keeps it for a minute. An editor's own writing is not held up.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(project.params_lock)
    with files.storage_errors(project.params_lock):
        project.params_lock.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=_PATIENCE)
        except Timeout:
            raise UserError(
                f"{project.params}: another command has been writing it for {_PATIENCE:.0f} seconds; end that, then "
                "give this one again"
            ) from None
    try:
        yield
    finally:
        lock.release()
