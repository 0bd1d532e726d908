"""DVC's own errors are about the project's files or another process at work: the user's to mend."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from tasks.errors import UserError

_OF_GIT = ("dvc.lock", "dvc.yaml", ".dvc/config")


@contextmanager
def dvc_errors() -> Iterator[None]:
    """Says what DVC raises as a UserError, with what to do; every other failure passes through."""
    from dvc.config import ConfigError
    from dvc.exceptions import DvcException
    from dvc.lock import LockError
    from dvc.stage.exceptions import StageFileIsNotDvcFileError, StageNotFound
    from dvc.utils.serialize import EncodingError, YAMLFileCorruptedError
    from dvc.utils.strictyaml import YAMLValidationError

    of_yaml = (YAMLFileCorruptedError, YAMLValidationError, StageNotFound)
    try:
        yield
    except LockError as error:
        raise UserError(f"{_who_is_at_work(error)}; wait for it, then run again") from error
    except (ConfigError, EncodingError, StageFileIsNotDvcFileError, *of_yaml, IsADirectoryError) as error:
        # Merged by hand, cut by a full disk, a folder in its place: it is a file of git.
        raise UserError(
            f"{error}; take the lines of a merge (<<<<<<<) out, or bring the last one back with "
            f"{_checkout(str(error))}: what is out of date then runs again. A dvc.lock may also be removed "
            "(`rm dvc.lock`): all is then restored, or runs"
        ) from error
    except DvcException as error:
        raise UserError(f"DVC: {error}; `dvc status` shows more") from error
    except sqlite3.DatabaseError as error:
        raise UserError(
            f"DVC cannot use what it notes of files outside the project ({error}); look whether the disk is full, else "
            f"remove the folder {_notes()}: DVC makes it again"
        ) from error


def _checkout(message: str) -> str:
    """The command for the file that the message names, as far as DVC names one."""
    file = next((name for name in _OF_GIT if name in message), None)
    return f"`git checkout -- {file}`" if file else "`git checkout` of that file"


def _who_is_at_work(error: Exception) -> str:
    """DVC names a process once for each file that it holds, and advises to remove its list by hand."""
    holders = dict.fromkeys(re.findall(r"\(PID (\d+)\): ([^\n]*)", str(error)))
    if not holders:
        return f"another process is at work in this project ({error})"
    names = ", ".join(f"{command.strip()} (process {pid})" for pid, command in holders)
    return f"another process is at work on the same files: {names}"


def _notes() -> str:
    from dvc.dirs import site_cache_dir

    return str(site_cache_dir())
