"""DVC's own errors are about the project's files or another process at work: the user's to mend."""

from __future__ import annotations

import re
import sqlite3
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tasks.errors import BusyError, UserError

_NAMED = ("dvc.lock", "dvc.yaml", ".dvc/config.local", ".dvc/config")
_SPARE = ("dvc.lock", ".dvc/config", ".dvc/config.local")
"""What a project can do without: the lock is made anew, and without settings DVC's own hold."""


@contextmanager
def dvc_errors(root: Path) -> Iterator[None]:
    """Says what DVC raises in this project as a UserError, with what to do; every other failure passes through."""
    from dvc.config import ConfigError
    from dvc.exceptions import DvcException, NotDvcRepoError
    from dvc.lock import LockError
    from dvc.stage.exceptions import StageFileIsNotDvcFileError, StageNotFound
    from dvc.utils.serialize import EncodingError, YAMLFileCorruptedError
    from dvc.utils.strictyaml import YAMLValidationError

    of_yaml = (YAMLFileCorruptedError, YAMLValidationError, StageNotFound)
    try:
        yield
    except LockError as error:
        message, processes = _who_is_at_work(error)
        raise BusyError(f"{message}; wait for it, then run again", processes) from error
    except NotDvcRepoError as error:
        is_in_git = _is_in_git(root, ".dvc")
        cure = "bring .dvc back with `git checkout -- .dvc`" if is_in_git else "`dvc init` makes one of it"
        raise UserError(f"{root}: is no DVC repository; {cure}") from error
    except ConfigError as error:
        files = [name for name in (".dvc/config", ".dvc/config.local") if (root / name).exists()]
        cure = f"{_cure(root, files)}: DVC's own settings hold then"
        raise UserError(f"{' or '.join(files)}: {error}; {cure}") from error
    except (EncodingError, StageFileIsNotDvcFileError, *of_yaml, IsADirectoryError) as error:
        # Merged by hand, cut by a full disk, a folder in its place.
        named = [name for name in _NAMED if name in str(error)][:1]
        raise UserError(f"{error}; {_cure(root, named)}: what is out of date then is restored, or runs") from error
    except DvcException as error:
        raise UserError(f"DVC: {error}; `dvc status` shows more") from error
    except sqlite3.DatabaseError as error:
        raise UserError(
            f"DVC cannot use what it notes of files outside the project ({error}); look whether the disk is full, else "
            f"remove the folder {_notes()}: DVC makes it again"
        ) from error


def _cure(root: Path, names: Sequence[str]) -> str:
    """What to do about these files, one of which is damaged; git is asked first whether it has one to bring back."""
    cures = ["take the lines of a merge (<<<<<<<) out"]
    tracked = [name for name in names if _is_in_git(root, name)]
    if tracked:
        cures.append(f"bring the last one back with `git checkout -- {' '.join(tracked)}`")
    cures += [
        f"remove {name} (`rm {'-r ' if (root / name).is_dir() else ''}{name}`)" for name in names if name in _SPARE
    ]
    if len(cures) == 1:
        cures.append("bring the file back as it was")
    return ", or ".join(cures)


def _is_in_git(root: Path, name: str) -> bool:
    listed = ["git", "-C", str(root), "ls-files", "--error-unmatch", "--", name]
    try:
        return subprocess.run(listed, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def _who_is_at_work(error: Exception) -> tuple[str, tuple[int, ...]]:
    """DVC names a process once for each file that it holds, and advises to remove its list by hand."""
    holders = dict.fromkeys(re.findall(r"\(PID (\d+)\): ([^\n]*)", str(error)))
    if not holders:
        return f"another process is at work in this project ({error})", ()
    names = ", ".join(f"{command.strip()} (process {pid})" for pid, command in holders)
    processes = tuple(dict.fromkeys(int(pid) for pid, _ in holders))
    return f"another process is at work on the same files: {names}", processes


def _notes() -> str:
    from dvc.dirs import site_cache_dir

    return str(site_cache_dir())
