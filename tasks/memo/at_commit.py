"""A project as it was at a commit: its text from git, and what its stages had left from DVC's cache or remote."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from tasks.errors import UserError
from tasks.memo.dvc_errors import dvc_errors


def commit_of(root: Path, revision: str) -> str:
    """The whole name of a commit. Raises UserError for a revision that git does not know here."""
    done = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if done is None:
        raise UserError(f"{revision}: git knows no such commit here; {_advice(root)}")
    return done.strip()


def _advice(root: Path) -> str:
    if _git(root, "rev-parse", "--verify", "--quiet", "HEAD") is None:
        return "nothing was committed yet: `git add .` and `git commit` make a first one"
    if _git(root, "rev-parse", "--is-shallow-repository") == "true\n":
        return "only the newest ones were fetched, as CI does: `git fetch --unshallow` brings the others"
    return "give a branch, a tag or a commit"


def text_at(root: Path, commit: str, path: str) -> str | None:
    """The content of a file in git, by its path from the project's folder; None when the commit has no such file."""
    return _git(root, "show", f"{commit}:./{path}")


def fetch_outputs(root: Path, commit: str, paths: Sequence[str], target: Path) -> list[str]:
    """Copies what stages had left, from DVC's cache, else from its remote, below `target`; the paths not to be had.

    Paths are from the project's folder. Nothing is checked out here.
    """
    from dvc.api import DVCFileSystem
    from dvc.exceptions import DvcException
    from dvc_data.index import DataIndexDirError

    missing = []
    with dvc_errors(root):
        system = DVCFileSystem(str(root), rev=commit)
        for path in paths:
            place = target / path
            place.parent.mkdir(parents=True, exist_ok=True)
            try:
                system.get(path, str(place), recursive=system.isdir(path))
            # Never there, or neither in the cache nor in a remote; and a remote that does not answer.
            except (OSError, DvcException, DataIndexDirError):
                missing.append(path)
    return missing


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True)
    except FileNotFoundError:
        raise UserError("git is not installed; install git") from None
    return None if done.returncode else done.stdout
