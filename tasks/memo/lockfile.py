"""dvc.lock as text: one stage's entry is replaced, and all other bytes stay as they are.

DVC parses and writes the whole file, comments and all, for every stage that it saves: 0.1 s and more each time.
"""

from __future__ import annotations

import re

_HEAD = "schema: '2.0'\nstages:\n"

_CHANGING = re.compile(r"\d{12}e[+-]|[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff]")
"""What DVC's YAML library reads back as something else than it wrote: long numbers with an exponent, control signs.
An entry with one of these is written anew, and differently, with every later stage; so it is left to DVC."""


def with_entry(lock: str, key: str, entry: str) -> str | None:
    """The lock with this entry in the old one's place, or at the end; None when the text is not as DVC writes it.

    `key` is the entry's first line and `entry` all of its lines, both as DVC writes them below `stages:`.
    """
    if _CHANGING.search(lock) or _CHANGING.search(entry):
        return None
    if not lock:
        return _HEAD + entry
    # Edited by hand, or of another version of DVC: not ours to take apart.
    if not lock.startswith(_HEAD) or not lock.endswith("\n"):
        return None
    entries = _entries(lock[len(_HEAD) :])
    if entries is None:
        return None
    entries[key] = entry
    return _HEAD + "".join(entries.values())


def entry_of(lock: str, stage: str) -> str:
    """The stage's entry, its first line too; empty where it has none, or the lock is not as DVC writes it."""
    entries = _entries(lock.removeprefix(_HEAD)) if lock.startswith(_HEAD) else None
    return (entries or {}).get(f"  {stage}:\n", "")


def _entries(text: str) -> dict[str, str] | None:
    """Each entry's text by its first line, in order; None when there is anything but entries."""
    entries: dict[str, str] = {}
    key = ""
    for line in text.splitlines(keepends=True):
        if line.startswith("  ") and line[2] not in " -#\n":
            key = line
            entries[key] = ""
        elif not key or not line.startswith("    "):
            return None
        entries[key] += line
    return entries
