"""What files held when they were last read: while a file stands as it stood then, it is not opened again."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from tasks import files
from tasks.sources.kept_rows import KeptRows
from tasks.sources.packed import Entry, entry_digest

Known = Mapping[str, Mapping[str, tuple[str, str]]]
"""How files stood and what they held, as a digest: by group, and by their names in it."""

_TICK = 2_000_000_000
"""Nanoseconds. File systems note times in steps, the longest those of FAT: a file that was changed so shortly before it
was looked at may be changed once more and stand as before."""


class KnownFiles:
    """The digests of the files of a source, by group and name, and where their contents are kept.

    As git and DVC do, it goes by how a file stands: size, inode, and when content and inode were last changed. Content
    that was written into a file without a change of any of them stays unseen.
    """

    def __init__(self, store: Path | None = None) -> None:
        """`store` is a folder of its own; without it nothing outlives the process."""
        self._store = store
        self._digests: dict[str, dict[str, str]] = {}
        self._states: dict[str, dict[str, str]] = {}
        self._has_news = False

    def look_at(self, groups: Mapping[str, list[Entry]]) -> None:
        """Before anything is read: how the files stand now, and which of them stand as they stood then."""
        if self._store is None:
            return
        known, before = self._read(), time.time_ns() - _TICK
        for group, listed in groups.items():
            then, states, digests = known.get(group, {}), {}, {}
            for entry in listed:
                state = _state(entry, before)
                if state is not None:
                    states[entry.name] = state
                    known_state, digest = then.get(entry.name, ("", ""))
                    if known_state == state:
                        digests[entry.name] = digest
            self._states[group], self._digests[group] = states, digests

    def digest(self, group: str, entry: Entry) -> str:
        """SHA-256 of the file's bytes: those that were read last, or those that it is known to hold."""
        digests = self._digests.setdefault(group, {})
        if entry.name not in digests:
            self._note(group, entry, entry_digest(entry))
        return digests[entry.name]

    def contents(
        self, group: str, listed: list[Entry], read: Callable[[Entry], bytes], kept: KeptRows
    ) -> Iterator[tuple[Entry, bytes]]:
        """The files with their bytes; `read` is asked for those that are not kept as they are known to be."""
        digests = self._digests.setdefault(group, {})
        for entry in listed:
            content = kept.content(entry.name) if entry.name in digests else None
            # So a damaged copy, or one of another day, is no more than a file to read.
            if content is None or _digest(content) != digests[entry.name]:
                content = read(entry)
                self._note(group, entry, _digest(content))
            yield entry, content

    def kept(self, column: str, group: str, group_column: str | None) -> KeptRows:
        """The rows of the table that `keep_rows` was given last, of the files of a group."""
        folder = self._store / "rows" if self._store and self._digests.get(group) else None
        return KeptRows(folder, column, (group_column, group) if group_column else None)

    def keep(self) -> None:
        """Writes down what was learnt, for the next process."""
        if self._store is None or not self._has_news:
            return
        content = {
            group: {name: (state, self._digests[group][name]) for name, state in states.items()}
            for group, states in self._states.items()
        }
        if not self._store.is_dir():
            files.remove(self._store)
        text = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
        with files.aside(self._place(self._store)) as draft, draft.open("wb") as file:
            # Not joined first: of a million files they are 150 MiB.
            file.writelines((_digest(text).encode(), b"\n", text))
        self._has_news = False

    def keep_rows(self, table: Path) -> None:
        """Keeps the table that the contents went into until `forget_rows`: as links, no byte twice."""
        # After a run that was killed there is no table, and what was kept of it lies there still.
        if self._store is None or not (parts := list(table.glob("part-*.parquet"))):
            return
        with files.aside(self._store / "rows") as draft:
            draft.mkdir()
            for part in parts:
                # Not every disk has links; what is not kept is read again.
                with suppress(OSError):
                    (draft / part.name).hardlink_to(part.resolve())

    def forget_rows(self) -> None:
        """What the table held is read, or is of no use any more."""
        if self._store is not None:
            files.remove(self._store / "rows")

    def _note(self, group: str, entry: Entry, digest: str) -> None:
        digests = self._digests.setdefault(group, {})
        self._has_news |= entry.name in self._states.get(group, {}) and digests.get(entry.name) != digest
        digests[entry.name] = digest

    def _read(self) -> Known:
        """What an earlier process wrote down; of a damaged file nothing, so that all is read again."""
        assert self._store is not None
        try:
            digest, _, text = self._place(self._store).read_bytes().partition(b"\n")
        # Not there, or something else in its place: the next one is written over it.
        except OSError:
            return {}
        known: Known = json.loads(text) if digest == _digest(text).encode() else {}
        return known

    def _place(self, store: Path) -> Path:
        return store / "known.json"


def _state(entry: Entry, before: int) -> str | None:
    """How the file stands; None for one that is packed, or was changed after `before`."""
    if entry.file is None:
        return None
    try:
        state = os.stat(entry.file)  # noqa: PTH116 (a Path for each of a million files takes as long as to ask)
    # Reading it says so.
    except OSError:
        return None
    # Of a clock that is ahead, too: such files are read each time.
    if max(state.st_mtime_ns, state.st_ctime_ns) >= before:
        return None
    return f"{state.st_size} {state.st_mtime_ns} {state.st_ctime_ns} {state.st_ino}"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
