"""A pipeline's files locked while they are moved or removed: nobody runs a stage on them or writes dvc.lock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tasks.errors import UserError
from tasks.memo.dvc_errors import dvc_errors
from tasks.memo.locks import put_right, waited_for
from tasks.memo.repository import repository


@contextmanager
def locked_files(root: Path, paths: Sequence[Path]) -> Iterator[None]:
    """Within it, no run and no `dvc repro` is at work on these files. Raises UserError when one is."""
    with ExitStack() as held:
        with dvc_errors(root):
            from dvc.lock import LockError
            from dvc.repo import lock_repo
            from dvc.rwlock import rwlock

            repo = repository(root)
            put_right(repo)
            hardlink = repo.config["core"].get("hardlink_lock", False)
            written = [str(path) for path in paths]
            name = "modelwright rename or remove"
            try:
                # As a stage reserves what it writes: a stage that is at work has its own entry there.
                held.enter_context(waited_for(lambda: rwlock(repo.tmp_dir, repo.fs, name, [], written, hardlink)))
                held.enter_context(waited_for(lambda: lock_repo(repo)))
            except LockError as error:
                raise UserError(
                    f"a run is at work on this pipeline, and needs its files ({str(error).splitlines()[0]}); wait for "
                    "it, then give the command again"
                ) from error
        yield
