"""The files of a pipeline at which DVC found nothing to do: while they stand as they stood, nobody need ask it again.

Asking DVC costs a second, most of it imports and parsing. It decides by each file's size, modification time and inode,
and reads content only where these changed; the same three are kept here, for everything that its answer depended on.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tasks import files
from tasks.files import FileState, FirstLook
from tasks.paths import Paths

Entries = Mapping[str, list[int]]
"""Size, modification time in ns and inode of every file, by its path; what is missing has no entry."""

_IGNORED = "__pycache__"
"""As in .dvcignore: what Python leaves beside code."""


def take(folder: Path, roots: Iterable[str | Path], look: FirstLook | None = None) -> Entries:
    """The files at and below the roots; a relative root starts at the folder, which is the project's.

    What `look` is given, it holds then.
    """
    entries: dict[str, list[int]] = {}
    for root in roots:
        _add(entries, str(folder / root), look.states if look else None)
    return entries


def remember(paths: Paths, roots: Iterable[str | Path], entries: Entries, cache: Path) -> None:
    """Keeps the files' state for `holds`, with the cache that has their content."""
    content = {"roots": [str(root) for root in roots], "entries": entries, "cache": str(cache)}
    if paths.snapshot.is_dir():
        files.remove(paths.snapshot)
    if not paths.snapshot.parent.is_dir():
        files.remove(paths.snapshot.parent)
    files.write_text(paths.snapshot, json.dumps(content))


def holds(paths: Paths) -> bool:
    """Whether every file stands as it stood when DVC last found nothing to do in this pipeline."""
    content = _content(paths.snapshot)
    if content is None:
        return False
    try:
        # Without the cache, nothing that lies there could be restored: DVC must say so.
        return Path(content["cache"]).is_dir() and take(paths.project.root, content["roots"]) == content["entries"]
    # A path that no file can have, such as one with a NUL.
    except (OSError, ValueError):
        return False


def is_damaged(paths: Paths) -> bool:
    """Whether there is something in the snapshot's place that no run has written: the next one writes it anew."""
    folder = paths.snapshot.parent
    place = paths.snapshot if folder.is_dir() else folder
    return os.path.lexists(place) and _content(paths.snapshot) is None


def _content(path: Path) -> dict[str, Any] | None:
    """What `remember` kept; a damaged file is none, and so is a folder in its place: DVC is asked, for a second."""
    try:
        content = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    # Brackets in brackets by the thousand: the reader calls itself for each.
    except (OSError, ValueError, RecursionError):
        return None
    match content:
        case {"roots": list(roots), "entries": dict(entries), "cache": str(cache)}:
            is_whole = all(isinstance(root, str) and "\0" not in root for root in roots)
            return {"roots": roots, "entries": entries, "cache": cache} if is_whole else None
    return None


def _add(entries: dict[str, list[int]], path: str, states: dict[str, FileState] | None) -> None:
    # In text: a Path for each of a million files takes longer than to ask how they stand.
    try:
        state = os.stat(path)  # noqa: PTH116
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(state.st_mode):
        size, changed, inode = entries[path] = [state.st_size, state.st_mtime_ns, state.st_ino]
        if states is not None:
            states[path] = size, changed, state.st_ctime_ns, inode
        return
    with os.scandir(path) as listing:
        children = [child.path for child in listing if child.name != _IGNORED]
    for child in children:
        _add(entries, child, states)
