"""The files of a pipeline at which DVC found nothing to do: while they stand as they stood, nobody need ask it again.

Asking DVC costs a second, most of it imports and parsing. It decides by each file's size, modification time and inode,
and reads content only where these changed; the same three are kept here, for everything that its answer depended on.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tasks import files
from tasks.paths import Paths

Entries = Mapping[str, list[int]]
"""Size, modification time in ns and inode of every file, by its path; what is missing has no entry."""

_IGNORED = "__pycache__"
"""As in .dvcignore: what Python leaves beside code."""


def take(folder: Path, roots: Iterable[str | Path]) -> Entries:
    """The files at and below the roots; a relative root starts at the folder, which is the project's."""
    entries: dict[str, list[int]] = {}
    for root in roots:
        _add(entries, folder / root)
    return entries


def remember(paths: Paths, roots: Iterable[str | Path], entries: Entries, cache: Path) -> None:
    """Keeps the files' state for `holds`, with the cache that has their content."""
    content = {"roots": [str(root) for root in roots], "entries": entries, "cache": str(cache)}
    if paths.snapshot.is_dir():
        files.remove(paths.snapshot)
    files.write_text(paths.snapshot, json.dumps(content))


def holds(paths: Paths) -> bool:
    """Whether every file stands as it stood when DVC last found nothing to do in this pipeline."""
    content = _content(paths.snapshot)
    if content is None:
        return False
    # Without the cache, nothing that lies there could be restored: DVC must say so.
    return Path(content["cache"]).is_dir() and take(paths.project.root, content["roots"]) == content["entries"]


def _content(path: Path) -> dict[str, Any] | None:
    """What `remember` kept; a damaged file is none, and so is a folder in its place: DVC is asked, for a second."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError, ValueError):
        return None
    kinds = {"roots": list, "entries": dict, "cache": str}
    is_whole = isinstance(content, dict) and all(isinstance(content.get(name), kind) for name, kind in kinds.items())
    return content if is_whole else None


def _add(entries: dict[str, list[int]], path: Path) -> None:
    try:
        state = path.stat()
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(state.st_mode):
        entries[str(path)] = [state.st_size, state.st_mtime_ns, state.st_ino]
        return
    for child in path.iterdir():
        if child.name != _IGNORED:
            _add(entries, child)
