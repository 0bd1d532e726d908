"""DVC's own errors are about the project's files or another process at work: the user's to mend."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from tasks.errors import UserError


@contextmanager
def dvc_errors() -> Iterator[None]:
    """Says what DVC raises as a UserError, with what to do; every other failure passes through."""
    from dvc.exceptions import DvcException
    from dvc.lock import LockError
    from dvc.utils.serialize import YAMLFileCorruptedError

    try:
        yield
    except LockError as error:
        raise UserError(f"{_who_is_at_work(error)}; wait for it, then run again") from error
    except YAMLFileCorruptedError as error:
        # Merged by hand, cut by a full disk: it is a file of git.
        raise UserError(
            f"{error}; take the lines of a merge (<<<<<<<) out, or bring the last one back with `git checkout` of that "
            "file: what is out of date then runs again"
        ) from error
    except DvcException as error:
        raise UserError(f"DVC: {error}; `dvc status` shows more") from error
    except sqlite3.DatabaseError as error:
        raise UserError(
            f"DVC cannot use what it notes of files outside the project ({error}); look whether the disk is full, else "
            f"remove the folder {_notes()}: DVC makes it again"
        ) from error


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
