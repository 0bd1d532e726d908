"""A file that is fetched: written aside, checked, put in its place whole, and remembered for the next time."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from tasks.errors import UserError
from tasks.sources.fetch.attempts import Interrupted

CHUNK = 2**16
"""Bytes that are taken from the network at once."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What to fetch, where it shall lie, and what it must be."""

    url: str
    file: Path
    sha256: str | None
    size: int | None
    token: str | None

    @property
    def part(self) -> Path:
        """Where the file is while it is not whole."""
        return self.file.with_name(f".{self.file.name}.part")

    @property
    def part_mark(self) -> Path:
        """By what the server knows the content that `part` is the beginning of."""
        return self.file.with_name(f".{self.file.name}.part.json")

    @property
    def record(self) -> Path:
        """What is known about the file."""
        return self.file.with_name(f".{self.file.name}.json")


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """A file that lies whole in its place, and the marks by which its server tells this content from another."""

    mark: dict[str, str]
    sha256: str
    size: int
    modified_ns: int


def known(wanted: Wanted) -> Fetched | None:
    """What was fetched before; None when that is not there, was touched since, or is not what is wanted now."""
    if not (wanted.file.is_file() and wanted.record.is_file()):
        return None
    record = Fetched(**json.loads(wanted.record.read_text()))
    status = wanted.file.stat()
    untouched = (status.st_size, status.st_mtime_ns) == (record.size, record.modified_ns)
    fits = wanted.sha256 in (None, record.sha256) and wanted.size in (None, record.size)
    return record if untouched and fits else None


def begun(wanted: Wanted) -> tuple[int, dict[str, str]]:
    """How many bytes an earlier attempt left, and their mark; none when there is no mark to go on by."""
    if not (wanted.part.is_file() and wanted.part_mark.is_file()):
        return 0, {}
    mark: dict[str, str] = json.loads(wanted.part_mark.read_text())
    return wanted.part.stat().st_size, mark


def begin(wanted: Wanted, mark: Mapping[str, str]) -> None:
    """Before the first byte of a content is written; with an empty mark, the next attempt begins anew."""
    forget_part(wanted)
    if mark:
        _write_json(wanted.part_mark, mark)


def write(wanted: Wanted, chunks: Iterable[bytes]) -> None:
    """After what is there already. Raises UserError as soon as there is more than is wanted."""
    with wanted.part.open("ab") as part:
        for chunk in chunks:
            part.write(chunk)
            if wanted.size is not None and part.tell() > wanted.size:
                forget_part(wanted)
                raise UserError(f"{wanted.url}: holds more than the {wanted.size} bytes of ingest.source.size; {_CURE}")


def finish(wanted: Wanted, mark: dict[str, str], announced: int | None) -> Fetched:
    """Puts the whole file in its place. `announced`: how long the server said that it is.

    Raises Interrupted when that is not so, UserError when the file is not what ingest.source says.
    """
    size = wanted.part.stat().st_size
    if announced is not None and size != announced:
        forget_part(wanted)
        raise Interrupted(f"{size} bytes came, and the server announced {announced}")
    with wanted.part.open("rb") as part:
        sha256 = hashlib.file_digest(part, "sha256").hexdigest()
    _check(wanted, size, sha256)
    wanted.record.unlink(missing_ok=True)
    wanted.part.replace(wanted.file)
    wanted.part_mark.unlink(missing_ok=True)
    fetched = Fetched(mark=mark, sha256=sha256, size=size, modified_ns=wanted.file.stat().st_mtime_ns)
    _write_json(wanted.record, asdict(fetched))
    return fetched


def forget_part(wanted: Wanted) -> None:
    """So that the next attempt begins anew."""
    wanted.part.unlink(missing_ok=True)
    wanted.part_mark.unlink(missing_ok=True)


@contextmanager
def write_errors(folder: Path) -> Iterator[None]:
    """Says a disk that cannot be written as a UserError."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"{folder}: cannot be written ({error.strerror or error}); make room, or give yourself the right to write"
        ) from error


_CURE = "if it was changed on purpose, correct ingest.source, else do not use it"


def _check(wanted: Wanted, size: int, sha256: str) -> None:
    if wanted.size not in (None, size):
        forget_part(wanted)
        raise UserError(f"{wanted.url}: holds {size} bytes, ingest.source.size says {wanted.size}; {_CURE}")
    if wanted.sha256 not in (None, sha256):
        forget_part(wanted)
        raise UserError(f"{wanted.url}: its SHA-256 is {sha256}, ingest.source.sha256 says {wanted.sha256}; {_CURE}")


def _write_json(path: Path, content: Mapping[str, object]) -> None:
    aside = path.with_name(f"{path.name}.{os.getpid()}")
    aside.write_text(json.dumps(content))
    aside.replace(path)
