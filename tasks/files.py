"""How any file or folder is written: aside, then renamed, so that a failure leaves no half of one; JSON and text.

And how files stand, where a run asks each of very many once.

Nothing heavy is imported: whoever only reads a report does not wait for polars.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from tasks.environment import is_alive
from tasks.errors import UserError

FileState = tuple[int, int, int, int]
"""Size, when content and inode were last changed, in ns, and the inode: no class, as there may be a million of them."""

TIME_STEP = 2_000_000_000
"""Nanoseconds. File systems note times in steps, the longest those of FAT: a file that was changed so shortly before it
was looked at may be changed once more and stand as before."""

_FULL = (errno.ENOSPC, errno.EDQUOT)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
_swapping = threading.Lock()
_drafts: set[str] = set()
"""Names of the drafts that this process is at work on, in any of its threads."""

_FULL_MESSAGE = "the disk is full; make room and run again: what earlier stages did is kept"


@contextmanager
def aside(target: Path) -> Iterator[Path]:
    """A path beside `target` to write a file or a folder to: renamed to `target` at the end, removed on any failure.

    What stood at `target` is replaced, never written into: it may be a link into DVC's cache.
    Raises UserError when the disk is full or the place cannot be written.
    """
    # Two threads may write to one place: each has a draft of its own, and the last one stays.
    draft = _draft(target)
    _drafts.add(draft.name)
    try:
        with storage_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            _remove_leftovers(target)
            yield draft
            # A rename replaces a file by a file at once, but never a folder that holds anything: so it is removed
            # first, and another thread must not put its own there in between.
            with _swapping:
                if draft.is_dir() or (target.is_dir() and not target.is_symlink()):
                    remove(target)
                draft.replace(target)
    finally:
        if draft.exists():
            remove(draft)
        _drafts.discard(draft.name)


@contextmanager
def scratch(place: Path) -> Iterator[Path]:
    """An empty folder beside `place` for as long as the context lasts; those that killed processes left are removed."""
    draft = _draft(place)
    _drafts.add(draft.name)
    try:
        with storage_errors(place):
            draft.mkdir(parents=True)
            _remove_leftovers(place)
            yield draft
    finally:
        if draft.exists():
            remove(draft)
        _drafts.discard(draft.name)


def _draft(target: Path) -> Path:
    return target.with_name(f".{target.name}.{os.getpid()}-{uuid4().hex}.tmp")


def _remove_leftovers(target: Path) -> None:
    """Removes the drafts that killed processes left beside the target; those that are worked on stay."""
    # Of an earlier version they have the process's number alone.
    of_target = re.compile(rf"\.{re.escape(target.name)}\.(\d+)(-[0-9a-f]+)?\.tmp")
    for draft in list(target.parent.iterdir()):
        name = of_target.fullmatch(draft.name)
        if name is None or draft.name in _drafts:
            continue
        # Another draft of this process is one of an earlier run under the same number.
        if int(name[1]) == os.getpid() or not is_alive(int(name[1]), _written(draft)):
            remove(draft)


def _written(draft: Path) -> float:
    """When, in seconds since 1970; now for one that its process has just put in its place."""
    try:
        return draft.lstat().st_mtime
    except FileNotFoundError:
        return time.time()


@contextmanager
def storage_errors(target: Path) -> Iterator[None]:
    """Says a full disk or a forbidden place as a UserError; every other failure passes through."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise UserError(f"{target}: {_FULL_MESSAGE}") from error
        if error.errno in _FORBIDDEN:
            raise UserError(
                f"{target}: cannot be written ({error.strerror}); give yourself the right to write there"
            ) from error
        raise


def remove(path: Path) -> None:
    """Removes a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
        return
    # Below a file that lies in a folder's place there is nothing.
    with suppress(NotADirectoryError):
        path.unlink(missing_ok=True)


def write_json(path: Path, content: Any) -> None:
    """JSON that a person can read and diff, with a final newline."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """The file's content. Raises UserError when it is missing or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file; run the stage that makes it{again(path)}") from None
    except IsADirectoryError:
        raise UserError(f"{path}: a folder in a file's place; remove it and run the stage that makes it") from None
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read ({error.strerror}); remove it and run the stage that makes it again{again(path)}"
        ) from None
    # Brackets in brackets by the thousand: the reader calls itself for each.
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"{path}: damaged ({error}); remove it and run the stage that makes it again{again(path)}"
        ) from None


def write_sealed(path: Path, content: Any) -> None:
    """JSON that nobody but this machine reads, behind its own digest: for `read_sealed`."""
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
    if not path.parent.is_dir():
        remove(path.parent)
    with aside(path) as draft, draft.open("wb") as file:
        # Not joined first: of a million files they are 150 MiB.
        file.writelines((_sha256(text), b"\n", text))


def read_sealed(path: Path) -> Any:
    """What `write_sealed` wrote; None when it is not there or damaged: what it spares is then done again."""
    try:
        digest, _, text = path.read_bytes().partition(b"\n")
    # Something else in its place, too: the next one is written over it.
    except OSError:
        return None
    return json.loads(text) if digest == _sha256(text) else None


def _sha256(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()


def again(path: Path) -> str:
    """The command that makes a stage's file again, in brackets; empty where it lies in no project, as in a registry."""
    for folder in (path.absolute(), *path.absolute().parents):
        root = folder.parent.parent
        if folder.parent.name in ("data", "models", "reports") and (root / "params.yaml").is_file():
            return f" (`modelwright run {folder.name}`)"
    return ""


def write_text(path: Path, content: str) -> None:
    """UTF-8, with the line ends as given."""
    with aside(path) as draft:
        draft.write_text(content, encoding="utf-8", newline="\n")


def write_bytes(path: Path, content: bytes) -> None:
    """The bytes as they are."""
    with aside(path) as draft:
        draft.write_bytes(content)


def write_lasting(path: Path, content: bytes) -> None:
    """The bytes as they are, renamed only when the disk has them: a power cut leaves the old file or the new one."""
    with aside(path) as draft, draft.open("wb") as file:
        file.write(content)
        file.flush()
        # Without it the rename may reach the disk before the bytes do.
        os.fsync(file.fileno())


@dataclass(frozen=True, kw_only=True)
class FirstLook:
    """How files stood when a run first asked, by their paths as text; none of it is older than `time_ns`.

    An edit from then on is the next run's.
    """

    time_ns: int = field(default_factory=time.time_ns)
    states: dict[str, FileState] = field(default_factory=dict)

    def state(self, path: str) -> FileState | None:
        """Of a file that nobody has asked of yet, how it stands now; None when it is not there."""
        return self.states.get(path) or state_of(path)


def state_of(path: str) -> FileState | None:
    """How the file stands now; None when it is not there."""
    try:
        # A Path for each of a million files takes as long as to ask.
        state = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino
