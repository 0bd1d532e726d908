"""What looks at a live version have written down, where there were any: the newest window of rows, and of labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks import files
from tasks.errors import UserError
from tasks.paths import Paths

_KINDS = {"rows": "answered", "labels": "labelled"}


@dataclass(frozen=True, kw_only=True)
class WatchedWindow:
    """The rows of some days: what is surely otherwise, and which rules do not hold, in sentences."""

    kind: str
    begin: str
    end: str
    sentences: tuple[str, ...]


def newest_windows(paths: Paths, version: int) -> list[WatchedWindow]:
    """Of a version; none where nobody has looked. A window is a JSON file, numbered in order."""
    folder = paths.data / "monitoring" / f"version={version}"
    windows = (_window(kind, max(folder.glob(f"{kind}-*.json"), default=None)) for kind in _KINDS)
    return [window for window in windows if window is not None]


def monitoring_page(paths: Paths) -> Path:
    """The page of all looks."""
    return paths.reports / "monitoring.html"


def _window(kind: str, file: Path | None) -> WatchedWindow | None:
    try:
        content = files.read_json(file) if file else None
    except UserError:
        return None
    if not isinstance(content, dict):
        return None
    entries = [*_entries(content, "fired"), *_entries(content, "changes")]
    sentences = dict.fromkeys(str(entry["sentence"]) for entry in entries if "sentence" in entry)
    begin, end = str(content.get("begin", "")), str(content.get("end", ""))
    return WatchedWindow(kind=_KINDS[kind], begin=begin, end=end, sentences=tuple(sentences))


def _entries(content: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    entries = content.get(name)
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
