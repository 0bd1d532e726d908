"""What a run stands on: the commit of the code, the versions of the packages, the processes beside it."""

from __future__ import annotations

import gc
import getpass
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

REASON = "MODELWRIGHT_REASON"
"""The environment variable by which whoever starts a training says why."""

ANSWERS_ALONE = "MODELWRIGHT_ANSWERS_ALONE"
"""Set for a process that answers by one registered model and does nothing else: what it loads may be fitted to that."""

_OUTPUTS = ("dvc.lock", "data", "models", "reports")
"""What a run itself writes."""

_CLOCKS_DIFFER = 2.0
"""Seconds by which the clocks may be apart from which a file's time and a process's beginning are reckoned."""


def git_state(root: Path) -> dict[str, Any]:
    """The commit, and whether tracked files differ from it (a run's own outputs aside).

    Both are null without git, outside a repository, or before its first commit.
    """
    commit = _git(root, "rev-parse", "HEAD")
    if commit is None:
        return {"commit": None, "modified": None}
    # A run that writes dvc.lock must not call its own commit modified.
    excluded = [f":(exclude,top){name}" for name in _OUTPUTS]
    changes = _git(root, "status", "--porcelain", "--untracked-files=no", "--", ":(top)", *excluded)
    return {"commit": commit, "modified": None if changes is None else bool(changes)}


def reason_of_training() -> str | None:
    """Why this training was started; None where nobody says, as when a person or a schedule does."""
    return os.environ.get(REASON) or None


def person(root: Path) -> str:
    """Who sits here: the name that git has for this folder, else that of the system's user."""
    name = _git(root, "config", "user.name")
    if name:
        return name
    try:
        return getpass.getuser()
    # Of a container's user that has no entry.
    except (KeyError, OSError):
        return f"user {os.getuid()}"


def package_versions(names: Iterable[str]) -> dict[str, str]:
    """The installed versions, without those that are not installed."""
    versions = ((name, installed_version(name)) for name in sorted(names))
    return {name: text for name, text in versions if text is not None}


def installed_version(name: str) -> str | None:
    """The distribution's version; None when it is not installed."""
    # Every command imports this module, and few ask: the library reads mails and archives, and takes 20 ms to import.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return None


def is_installed(name: str, version: str) -> bool:
    """Whether a folder of the distribution's very version lies where packages are installed: a quick yes, or no answer.

    `name` is as a folder has it, with underscores.
    """
    return any(Path(folder, f"{name}-{version}.dist-info").is_dir() for folder in sys.path)


def is_later(version: str, other: str) -> bool:
    """Whether a version comes after another one; False where one of them is none."""
    from packaging.version import InvalidVersion, Version

    try:
        return Version(version) > Version(other)
    except InvalidVersion:
        return False


def is_alive(process: int, noted: float) -> bool:
    """Whether the process of this machine that had this number at the time `noted` lives, whoever's it is.

    `noted` is in seconds since 1970, as when a file was written that names the process: one that began later is
    another, to which the number of a dead one was given.
    """
    import psutil

    try:
        one = psutil.Process(process)
        return bool(one.status() != psutil.STATUS_ZOMBIE and one.create_time() <= noted + _CLOCKS_DIFFER)
    except psutil.NoSuchProcess:
        return False


def python_path() -> str:
    """PYTHONPATH for a process of this tool's that keeps the working directory off its path: where the tool lies comes
    first."""
    home = str(Path(__file__).resolve().parent.parent)
    return os.pathsep.join(filter(None, [home, os.environ.get("PYTHONPATH")]))


def collect_old_objects_rarely() -> None:
    """Has Python search its oldest objects for garbage a tenth as often, for processes that end soon.

    The oldest are those of the libraries, half a million that all stay: a run of nine stages searched them eight times
    while it imported, in 1.3 s of 9 (docs/benchmarks.md). Young garbage is found as before.
    """
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, 100)


def _git(root: Path, *arguments: str) -> str | None:
    """What git answers; None without git or outside a repository."""
    # Without it `git status` rewrites .git/index, and two runs at once would wait for each other's lock.
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        answer = subprocess.run(["git", *arguments], cwd=root, env=environment, capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None
