"""The journal of a pipeline's trials: a file that Optuna appends to, whole after any kill, and held by one search."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from uuid import uuid4

from tasks import files
from tasks.errors import UserError
from tasks.paths import Paths

if TYPE_CHECKING:
    from filelock import BaseFileLock
    from optuna.study import Study

_NAME = "trials"
_PATIENCE = 60.0
"""Seconds. A line is appended in milliseconds: who waits longer waits for a process that stands still."""

IDENTITY, SEARCH_ID = "identity", "id"
"""What the journal says of itself: which search its trials are of, and how MLflow knows them."""


@contextmanager
def held(paths: Paths) -> Iterator[None]:
    """Within it, no other process starts a search of this pipeline. Raises UserError while one is at it."""
    from filelock import FileLock, Timeout

    lock = paths.tuning / "search.lock"
    with files.storage_errors(lock):
        lock.parent.mkdir(parents=True, exist_ok=True)
        holder = FileLock(lock)
        try:
            # The system frees it when the process ends, however it ends.
            holder.acquire(timeout=0)
        except Timeout:
            raise UserError(
                f"{paths.tuning}: locked: another `modelwright tune {paths.pipeline}` is at work; wait until it has "
                "ended, and give it more processes with --jobs next time"
            ) from None
    try:
        yield
    finally:
        holder.release()


def journal_file(paths: Paths) -> Path:
    """Where it lies."""
    return paths.tuning / "journal.log"


def open_study(paths: Paths, identity: Mapping[str, str], *, maximize: bool) -> Study:
    """The trials of this search so far, as Optuna has them; an empty one is made where there is none.

    Raises UserError for a journal that is damaged or of another search.
    """
    need_optuna()
    import optuna
    from optuna.storages.journal import JournalFileBackend

    file = journal_file(paths)
    with files.storage_errors(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = _AppendLock(file)
        _mend(file, lock, paths.pipeline)
        backend = JournalFileBackend(str(file), lock_obj=lock)  # type: ignore[arg-type]
        try:
            storage = optuna.storages.JournalStorage(backend)
            names = optuna.get_all_study_names(storage)
        # Lines of JSON that are no operations of Optuna's.
        except (KeyError, TypeError, ValueError, AssertionError) as error:
            raise _damaged(file, paths.pipeline, f"no journal of trials: {error!r}") from None
        if names and names != [_NAME]:
            raise _damaged(file, paths.pipeline, "of another program")
        if names:
            study = optuna.load_study(storage=storage, study_name=_NAME)
        else:
            direction: Literal["maximize", "minimize"] = "maximize" if maximize else "minimize"
            study = optuna.create_study(storage=storage, study_name=_NAME, direction=direction)
        _check_identity(study, identity, file, paths.pipeline)
    return study


def remove_journal(paths: Paths) -> None:
    """Forgets all trials; MLflow keeps what it was told of them."""
    files.remove(journal_file(paths))


def claim_lock(paths: Paths) -> BaseFileLock:
    """Within it a process takes its next trial: of several, no two take the last one."""
    from filelock import FileLock

    return FileLock(paths.tuning / "claim.lock")


def _check_identity(study: Study, identity: Mapping[str, str], file: Path, pipeline: str) -> None:
    known = study.user_attrs.get(IDENTITY)
    # Also after a kill between the two: without trials, any search may begin here.
    if known is None and not study.get_trials(deepcopy=False):
        study.set_user_attr(SEARCH_ID, uuid4().hex)
        study.set_user_attr(IDENTITY, dict(identity))
        return
    known = known or {}
    different = [what for what, text in identity.items() if known.get(what) != text]
    if different:
        raise UserError(
            f"{file}: its trials are of another search ({' and '.join(different)} differ), and cannot be set beside "
            f"new ones; `modelwright tune {pipeline} --fresh` begins anew, or take back what you changed"
        )


def _mend(file: Path, lock: _AppendLock, pipeline: str) -> None:
    """Takes off a last line that a killed process left half. Raises UserError where anything else is no journal."""
    lock.acquire()
    try:
        content = file.read_bytes() if file.exists() else b""
        whole = content[: content.rfind(b"\n") + 1]
        if whole != content:
            os.truncate(file, len(whole))
    except IsADirectoryError:
        raise _damaged(file, pipeline, "a folder in its place") from None
    finally:
        lock.release()
    for number, line in enumerate(whole.splitlines(), start=1):
        if not _is_operation(line):
            raise _damaged(file, pipeline, f"line {number} is none of Optuna's")


def _is_operation(line: bytes) -> bool:
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(content, dict) and "op_code" in content


def _damaged(file: Path, pipeline: str, why: str) -> UserError:
    return UserError(f"{file}: damaged ({why}); `modelwright tune {pipeline} --fresh` removes it and begins anew")


class _AppendLock:
    """Optuna's lock for one line, as the system's own: a killed process holds it no longer."""

    def __init__(self, file: Path) -> None:
        from filelock import FileLock

        self._file = file
        self._lock = FileLock(file.with_suffix(".lock"))

    def acquire(self) -> bool:
        """Waits for it. Raises UserError when it does not come free."""
        from filelock import Timeout

        try:
            self._lock.acquire(timeout=_PATIENCE)
        except Timeout:
            raise UserError(
                f"{self._file}: locked for {_PATIENCE:.0f} seconds by another process; end it, then give the command "
                "again: no trial is lost"
            ) from None
        return True

    def release(self) -> None:
        """Frees it."""
        self._lock.release()


def need_optuna() -> None:
    """Raises UserError where optuna is not installed; has it print nothing else."""
    try:
        import optuna
    except ImportError:
        raise UserError("tune needs the extra `tune`: pip install 'modelwright[tune]', and ask again") from None
    # It would write a line a trial to standard error.
    optuna.logging.set_verbosity(optuna.logging.ERROR)
