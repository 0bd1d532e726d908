"""What files held when they were last read: while a file stands as it stood then, it is not opened again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tasks import files
from tasks.files import TIME_STEP, FirstLook
from tasks.sources.kept_rows import KeptRows
from tasks.sources.packed import Entry, entry_digest

_SIGN = "\0"


class KnownFiles:
    """The digests of the files of a source, by group and name.

    As git and DVC do, it goes by how a file stands: size, inode, and when content and inode were last changed. Content
    that was written into a file without a change of any of them stays unseen.
    """

    def __init__(self, store: Path | None, look: FirstLook) -> None:
        """`store` is a folder of its own; without it nothing outlives the process."""
        self._store = store
        self._look = look
        self._digests: dict[str, dict[str, str]] = {}
        self._states: dict[str, dict[str, str]] = {}
        self._has_news = False
        self.num_read = 0
        """How often a file was read: while it stands still, all digests do."""

    def look_at(self, groups: Mapping[str, list[Entry]]) -> None:
        """Before anything is read: how the files stand now, and which of them stand as they stood then."""
        if self._store is None:
            return
        known = self._read()
        for group, listed in groups.items():
            states = {entry.name: state for entry in listed if (state := self._state(entry))}
            then = _parsed(known.get(group, ""))
            digests = {name: digest for name, state, digest in then if states.get(name) == state}
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

    def known(self, group: str) -> Mapping[str, str]:
        """The digests that are known already, by name."""
        return self._digests.get(group, {})

    def size(self, entry: Entry) -> int:
        """The bytes of a file that is not packed, as it was looked at."""
        state = self._look.state(entry.file) if entry.file is not None else None
        # Reading it says that it is not there.
        return state[0] if state else 0

    def keep(self) -> None:
        """Writes down what was learnt, for the next process."""
        if self._store is None or not self._has_news:
            return
        content = {group: _joined(states, self._digests[group]) for group, states in self._states.items()}
        files.write_sealed(self._place(self._store), content)
        self._has_news = False

    def _note(self, group: str, entry: Entry, digest: str) -> None:
        self.num_read += 1
        digests = self._digests.setdefault(group, {})
        self._has_news |= entry.name in self._states.get(group, {}) and digests.get(entry.name) != digest
        digests[entry.name] = digest

    def _state(self, entry: Entry) -> str | None:
        """How the file stands; None for one that is packed, is not there, or was changed just before."""
        state = self._look.state(entry.file) if entry.file is not None else None
        if state is None:
            return None
        size, changed, inode_changed, inode = state
        before = self._look.time_ns - TIME_STEP
        # Of a clock that is ahead, too: such files are read each time.
        return f"{size} {changed} {inode_changed} {inode}" if changed < before and inode_changed < before else None

    def _read(self) -> Mapping[str, str]:
        """What an earlier process wrote down of each group; of a damaged file nothing, so that all is read again."""
        assert self._store is not None
        known = files.read_sealed(self._place(self._store)) or {}
        # An earlier version wrote another form.
        return {group: text for group, text in known.items() if isinstance(text, str)}

    def _place(self, store: Path) -> Path:
        return store / "known.json"


def _joined(states: Mapping[str, str], digests: Mapping[str, str]) -> str:
    """As one text, which is read and written ten times as fast as a million; no name of a file holds its sign."""
    return _SIGN.join(field for name, state in states.items() for field in (name, state, digests[name]))


def _parsed(text: str) -> Iterator[tuple[str, str, str]]:
    """Each file's name, how it stood and what it held."""
    fields = iter(text.split(_SIGN) if text else ())
    return zip(fields, fields, fields, strict=True)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
