"""The one log of all services: a line has the time of day and whose it is, and noise is left out."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from logging.handlers import RotatingFileHandler
from pathlib import Path

from tasks import files
from tasks.errors import printable

Say = Callable[[str, str], None]
"""Takes a name and a line."""

OWN_NAME = "up"
"""Before the supervisor's own lines."""

_LARGEST = 5_000_000
"""Bytes of a log file, of which the last four are kept: some weeks of what is worth a line."""

_KEPT = 3


def to_screen() -> Say:
    """Lines on standard output, at once."""
    handler = logging.StreamHandler(sys.stdout)
    return _saying(handler)


def to_file(path: Path) -> Say:
    """Lines in a file, which is set aside as PATH.1, PATH.2 ... as it grows."""
    with files.storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(path, maxBytes=_LARGEST, backupCount=_KEPT, encoding="utf-8")
    return _saying(handler)


def _saying(handler: logging.Handler) -> Say:
    handler.setFormatter(logging.Formatter("%(asctime)s %(service)-8s | %(message)s", datefmt="%Y-%m-%d %H:%M:%S"))

    def say(name: str, line: str) -> None:
        record = logging.LogRecord(__name__, logging.INFO, __file__, 0, printable(line), None, None)
        record.service = name
        handler.emit(record)

    return say


def is_noise(line: str, noise: tuple[str, ...]) -> bool:
    """Whether nobody needs the line: it is empty, or has one of these texts in it."""
    return not line.strip() or any(text in line for text in noise)


def last_lines(path: Path, count: int) -> str:
    """The end of a log file; empty where there is none."""
    try:
        return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-count:])
    except FileNotFoundError:
        return ""
