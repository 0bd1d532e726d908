"""The files that stages read: what is known of each, and whether somebody edits it while it is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tasks.memo.snapshot import Entries, take


class Inputs:
    """Digests of files and folders, and how they stood then.

    What no stage makes (code, the suite) keeps for the whole run the digest that it had when the run began: an edit
    made meanwhile is the next run's. What a stage makes is hashed again whenever it stands otherwise.
    """

    def __init__(self, root: Path) -> None:
        self.given: frozenset[str] = frozenset()
        """What no stage makes, once it is hashed."""
        self._root = root
        self._hashed: dict[str, tuple[Entries, Any]] = {}

    def hashed(self, path: str, build: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """What `build` says of the path, which is DVC's way to hash it; asked once for each state of its files."""
        if path not in self.given or path not in self._hashed:
            entries = take(self._root, [path])
            if path not in self._hashed or self._hashed[path][0] != entries:
                self._hashed[path] = entries, build(*args, **kwargs)
        return self._hashed[path][1]

    def edited(self, path: str) -> bool:
        """Whether the files stand otherwise than they did when they were hashed: a stage may have read either."""
        return take(self._root, [path]) != self._hashed[path][0]
