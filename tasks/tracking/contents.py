"""What the files of a registered version are: listed when it is packaged, looked at in every run."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from tasks import files

LISTING = "files.json"
_OF_MLFLOW = "registered_model_meta"

_HASHED = 4 * 2**20
"""Bytes of the largest file whose content is compared, and not its size alone: a run that has nothing to do looks at
all of them, and takes a tenth of a second."""


def write_listing(folder: Path) -> None:
    """Lists the folder's files in it, with their sizes and the digests of those that are small."""
    listing = {
        path.relative_to(folder).as_posix(): _state(path) for path in sorted(folder.rglob("*")) if path.is_file()
    }
    files.write_json(folder / LISTING, listing)


def damage(folder: Path) -> str | None:
    """What is wrong with a version's folder, in a few words; None when all is as it was packaged."""
    model = folder / "MLmodel"
    if not model.is_file() or not model.stat().st_size:
        return "MLmodel is missing or empty"
    # MLflow writes it beside a version that it loads, so it stands in no listing.
    if (folder / _OF_MLFLOW).is_dir():
        return f"{_OF_MLFLOW} is a folder"
    listing = folder / LISTING
    # A version of an earlier Modelwright has none.
    if not listing.exists():
        return None
    try:
        states = json.loads(listing.read_text(encoding="utf-8"))
        # It lists the first of them at least: one that does not is what a fault left.
        names = ("MLmodel", *states)
        return next((f"{name} is {wrong}" for name in names if (wrong := _wrong(folder / name, states[name]))), None)
    except (ValueError, TypeError, LookupError, OSError):
        return f"{LISTING} is damaged"


def local_folder(source: str) -> Path | None:
    """The version's folder; None when it lies on a server."""
    if source.startswith("file:"):
        return Path(unquote(urlsplit(source).path))
    return Path(source) if source.startswith("/") else None


def _wrong(path: Path, state: Any) -> str | None:
    if not path.is_file():
        return "missing"
    return None if _state(path) == state else "damaged"


def _state(path: Path) -> dict[str, Any]:
    size = path.stat().st_size
    return {"size": size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest() if size <= _HASHED else None}
