"""The code that a served model runs, as one archive from which Python imports."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import tasks

ARCHIVE = "tasks.zip"

PACKED = (
    "__init__",
    "addresses",
    "columns",
    "environment",
    "errors",
    "files",
    "model_input",
    "networks",
    "parallel",
    "params",
    "recipe",
    "repair",
    "sources",
    "tables",
    "tracking/__init__",
    "tracking/served_requests",
    "trainers",
    "wording",
)
"""Modules and packages: what served_model.py imports, and what that does."""

_EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The first time that a zip can hold: the same code is the same bytes, whenever it was written and packed."""


def pack(target: Path) -> None:
    """Writes the archive, the same bytes for the same code."""
    root = Path(tasks.__file__).parent
    with ZipFile(target, "w") as archive:
        for file in sorted(_modules(root)):
            entry = ZipInfo(file.relative_to(root.parent).as_posix(), _EARLIEST)
            entry.compress_type = ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, file.read_bytes())


def _modules(root: Path) -> Iterator[Path]:
    for name in PACKED:
        package = root / name
        if package.is_dir():
            # Emacs' lock of an edited file is a hidden link to nothing.
            yield from (file for file in package.rglob("*.py") if not file.name.startswith("."))
        else:
            yield package.with_suffix(".py")
