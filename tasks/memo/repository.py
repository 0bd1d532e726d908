"""DVC's repository of a project, and what lies in the place of a file or folder of it and is none."""

from __future__ import annotations

import os
import shlex
import stat
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.errors import UserError

if TYPE_CHECKING:
    from dvc.repo import Repo
    from dvc.stage.loader import StageLoader


def repository(root: Path) -> Repo:
    """The project's repository. Raises UserError where something else lies in the place of a folder that DVC uses."""
    from dvc.repo import Repo

    # DVC would end at each of these with an error of the operating system.
    _check_folder(root / ".dvc" / "tmp")
    repo = Repo(str(root))
    _check_folder(Path(repo.cache.local.path))
    _read_index_once(repo)
    return repo


def stages_of(repo: Repo) -> StageLoader:
    """Loaded once for all of a pipeline: DVC would parse dvc.yaml, dvc.lock and params.yaml again for each stage."""
    from dvc.dvcfile import ProjectFile

    return ProjectFile(repo, str(Path(repo.root_dir) / "dvc.yaml")).stages


def _read_index_once(repo: Repo) -> None:
    """DVC asks git whether it has an output, for each of some forty, and reads the whole index for each answer."""
    from scmrepo.git import Git

    scm = repo.scm
    if not isinstance(scm, Git):
        return

    @cache
    def tracked() -> list[str]:
        return sorted(os.fsdecode(path) for path in scm.dulwich.repo.open_index())

    def is_tracked(path: str) -> bool:
        relative = os.path.relpath(path, scm.root_dir)
        # A folder's files do not follow its own name at once: `data-old` lies before `data/rows`.
        names = (tracked()[bisect_left(tracked(), name) :][:1] for name in (relative, f"{relative}/"))
        return any(name == relative or name.startswith(f"{relative}/") for name in chain(*names))

    scm.is_tracked = is_tracked


@contextmanager
def links_noted_at_once(repo: Repo) -> Iterator[None]:
    """DVC notes in a database each output that it puts in place, and opens and closes the database for each of them.

    Within, they are gathered, and noted at the end, however it comes.
    """
    noted: dict[str, tuple[str, str]] = {}
    state = repo.state
    # Without a folder of its own DVC keeps no such database.
    if not getattr(state, "tmp_dir", None):
        yield
        return

    def set_link(path: str, inode: str, mtime: str) -> None:
        noted[os.path.relpath(path, state.root_dir)] = inode, mtime

    state.set_link = set_link
    try:
        yield
    finally:
        del state.set_link
        if noted:
            with state.links as links, links.transact(retry=True):
                for path, link in noted.items():
                    links[path] = link


def _check_folder(path: Path) -> None:
    place = next(place for place in (path, *path.parents) if os.path.lexists(place))
    if place.is_dir():
        return
    remove = f"remove it (`rm {shlex.quote(str(place))}`): DVC makes the folder again"
    if place.is_symlink():
        raise UserError(f"{place}: links to a place that is not there; bring that back, or {remove}")
    raise UserError(f"{place}: a file in the place of a folder; {remove}")


def unreadable(path: Path) -> Path | None:
    """The first thing at the path, or below it, that has no content: a link to nothing, a pipe, a device.

    DVC ends at a link to nothing, and waits for ever at a pipe.
    """
    try:
        mode = path.stat().st_mode
    except OSError:
        return path if path.is_symlink() else None
    if stat.S_ISREG(mode):
        return None
    if not stat.S_ISDIR(mode):
        return path
    # A link to a folder may lead back to where it lies.
    below = (child for child in path.iterdir() if not (child.is_symlink() and child.is_dir()))
    return next(filter(None, map(unreadable, below)), None)
