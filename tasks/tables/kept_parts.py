"""The parts of a table that is about to be replaced, by what they were made from: the same ones are taken over.

They are kept as links, so that no byte is there twice. As git and DVC do, it goes by how a file stands: a part that has
another size, inode or time of change than when it was written is none of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from tasks import files

State = tuple[int, int, int]


class KeptParts:
    """Of one table, for one run: `keep`, then `find` for each part of the new one, then `remember` that."""

    def __init__(self, store: Path | None = None) -> None:
        """`store` is a folder, where others may keep files too; without it nothing is kept."""
        self._store = store
        self._made: Sequence[tuple[str, Any]] = ()

    @property
    def folder(self) -> Path | None:
        """The kept parts, under the names that they had."""
        return self._store / "rows" if self._store else None

    def keep(self, table: Path) -> None:
        """Before the table is removed."""
        # After a run that was killed there is no table, and what was kept of it lies there still.
        if self.folder is None or not (parts := list(table.glob("part-*.parquet"))):
            return
        with files.aside(self.folder) as draft:
            draft.mkdir()
            for part in parts:
                # Not every disk has links; what is not kept is made again.
                with suppress(OSError):
                    (draft / part.name).hardlink_to(part.resolve())

    def find(self, made_from: str) -> tuple[Path, Any] | None:
        """The part that was made from this, and what was noted of it; None when there is none."""
        return self._kept.get(made_from)

    def note(self, made: Sequence[tuple[str, Any]]) -> None:
        """What each part of the new table was made from, and what to keep of it as JSON; all of them, in order."""
        # A source without a store shares this object with others of its kind.
        if self._store:
            self._made = made

    def remember(self, table: Path) -> None:
        """Once the new table stands there as it will stand: what was noted of it, for the next run; no links are left.

        They would be taken for links into DVC's cache. If nothing was noted, no table has been made.
        """
        if self._store is None or self.folder is None:
            return
        files.remove(self.folder)
        if not self._made:
            return
        states = [_state(part) for part in sorted(table.glob("part-*.parquet"))]
        content = [(*state, *noted) for state, noted in zip(states, self._made, strict=True)]
        files.write_sealed(self._index(self._store), content)

    @cached_property
    def _kept(self) -> Mapping[str, tuple[Path, Any]]:
        if self._store is None or self.folder is None or not self.folder.is_dir():
            return {}
        # By how it stands: its name may have been another one.
        parts = {_state(part): part for part in self.folder.iterdir()}
        index = files.read_sealed(self._index(self._store)) or []
        return {
            made_from: (parts[size, changed, inode], content)
            for size, changed, inode, made_from, content in index
            if (size, changed, inode) in parts
        }

    def _index(self, store: Path) -> Path:
        return store / "parts.json"


def _state(part: Path) -> State:
    # Of a link into DVC's cache, that of the file it leads to.
    state = part.stat()
    return state.st_size, state.st_mtime_ns, state.st_ino
