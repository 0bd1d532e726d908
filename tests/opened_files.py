"""Which files of a source are opened, as that happens."""

from __future__ import annotations

import pytest

from tasks.sources import known_files, packed

LONG_AGO = -(10**12)
"""A step of the clock after which every file has been left alone for long, just written or not."""


def watch(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are opened from now on; all have been left alone for long."""
    names: list[str] = []
    read, digest = packed.Entry.read, packed.entry_digest
    monkeypatch.setattr(packed.Entry, "read", lambda entry, most: names.append(entry.name) or read(entry, most))
    monkeypatch.setattr(known_files, "entry_digest", lambda entry: names.append(entry.name) or digest(entry))
    monkeypatch.setattr(known_files, "TIME_STEP", LONG_AGO)
    return names
