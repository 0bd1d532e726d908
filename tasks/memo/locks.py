"""DVC's locks: others who hold one are waited for, and what a killed process left of one is put right."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks import files
from tasks.environment import is_alive

if TYPE_CHECKING:
    from dvc.repo import Repo

_PATIENCE = 600.0
"""Seconds. What is done under a lock is hashing and linking of one stage's files: minutes at most, and of gigabytes."""

_logger = logging.getLogger(__name__)


@contextmanager
def waited_for(lock: Callable[[], AbstractContextManager[Any]]) -> Iterator[None]:
    """Within the lock that `lock` makes; while others hold it, it is asked for again.

    Raises DVC's LockError when they still do after ten minutes, or at once when they are at work on the same stage.
    """
    from dvc.lock import LockError

    until, has_warned = time.monotonic() + _PATIENCE, False
    with ExitStack() as held:
        while True:
            try:
                held.enter_context(lock())
                break
            except LockError as error:
                # Who writes the same files may be at it for hours.
                if "is busy" in str(error) or time.monotonic() > until:
                    raise
                if not has_warned:
                    _logger.warning("another process is at work in this project; waiting for it")
                has_warned = True
        yield


def put_right(repo: Repo) -> None:
    """Puts a damaged list of who reads and writes aside, and takes out those that are dead; a line for each is logged.

    DVC itself stops at a damaged list for good, and takes a new process with a dead one's number for the dead one.
    """
    from dvc.lock import make_lock
    from dvc.rwlock import RWLOCK_FILE, RWLOCK_LOCK

    path = Path(repo.tmp_dir, RWLOCK_FILE)
    for lock in (Path(repo.tmp_dir, "lock"), path.with_name(RWLOCK_LOCK)):
        if os.path.lexists(lock) and not lock.is_file():
            files.remove(lock)
            _logger.warning("%s was no file, in a lock's place; it is removed", lock)
    if not os.path.lexists(path):
        return
    hardlink = repo.config["core"].get("hardlink_lock", False)
    # DVC writes the list in place: without its own lock, half of it may be seen.
    with waited_for(lambda: make_lock(str(path.with_name(RWLOCK_LOCK)), tmp_dir=repo.tmp_dir, hardlink_lock=hardlink)):
        entries = _entries(path)
        if entries is None:
            aside = path.with_name(f"{RWLOCK_FILE}.damaged")
            files.remove(aside)
            path.rename(aside)
            _logger.warning(
                "%s was damaged, as when a process is killed while it writes; it is %s now", path, aside.name
            )
        elif (living := _living(entries, path.stat().st_mtime)) != entries:
            files.write_text(path, json.dumps(living))
            _logger.warning("%s named processes that are dead; they are taken out", path)


def processes_at_work(root: Path) -> set[int]:
    """The numbers of those that DVC's list has as reading or writing in the project.

    Empty, too, where the list is damaged, or being written just now.
    """
    from dvc.rwlock import RWLOCK_FILE

    path = root / ".dvc" / "tmp" / RWLOCK_FILE
    entries = _entries(path) if os.path.lexists(path) else None
    if entries is None:
        return set()
    readers = [info for infos in entries["read"].values() for info in infos]
    return {info["pid"] for info in (*readers, *entries["write"].values())}


def damaged_list(root: Path) -> Path | None:
    """The list of who reads and writes in the project, if it is damaged: the next run puts it aside."""
    from dvc.rwlock import RWLOCK_FILE

    path = root / ".dvc" / "tmp" / RWLOCK_FILE
    return path if os.path.lexists(path) and _entries(path) is None else None


def _entries(path: Path) -> Mapping[str, Any] | None:
    """Who reads and who writes what, as DVC writes it; None when it is damaged."""
    from dvc.rwlock import SCHEMA, Invalid

    # Not a folder, nor a link to nothing, nor a pipe, at which one would wait for ever.
    if not path.is_file():
        return None
    try:
        entries: Mapping[str, Any] = SCHEMA(json.loads(path.read_text(encoding="utf-8")))
    # Bytes that are no text, text that is no JSON, JSON that says something else, brackets by the thousand.
    except (ValueError, RecursionError, Invalid):
        return None
    return entries


def _living(entries: Mapping[str, Any], written: float) -> dict[str, Any]:
    def lives(info: Mapping[str, Any]) -> bool:
        return is_alive(info["pid"], written)

    reads = {path: [info for info in infos if lives(info)] for path, infos in entries["read"].items()}
    return {
        "write": {path: info for path, info in entries["write"].items() if lives(info)},
        "read": {path: infos for path, infos in reads.items() if infos},
    }
