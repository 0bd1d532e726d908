"""What must happen to a broken file, and how the corpus says which file that is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Cells = tuple[Any, ...]
Write = Callable[[Path], Mapping[str, Any]]
"""Writes the file into a folder, and returns the block of its source."""


@dataclass(frozen=True)
class Refused:
    """Ingest refuses with one message: it begins with `where`, says `what` is wrong, and what to do about it."""

    where: str
    what: str
    cure: str


@dataclass(frozen=True)
class Quarantined:
    """Ingest takes every row; clean takes out the one whose `reason` this is, and leaves the others as they are."""

    rule: str
    reason: str


@dataclass(frozen=True)
class Read:
    """Nothing is broken but the looks: these are the rows, cell by cell."""

    rows: list[Cells]


@dataclass(frozen=True)
class Broken:
    """A file of the corpus."""

    write: Write
    outcome: Refused | Quarantined | Read
    target: str = "y"


def table(content: bytes | str | Callable[[], bytes], name: str = "data.csv", **more: Any) -> Write:
    """A source of one table file with that content; what is large is made when it is wanted."""

    def write(folder: Path) -> Mapping[str, Any]:
        made = content() if callable(content) else content
        (folder / name).write_bytes(made.encode() if isinstance(made, str) else made)
        return {"kind": "table", "path": name, **more}

    return write
