"""A file that is fetched: written aside, checked, put in its place whole, and remembered for the next time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from tasks import files
from tasks.addresses import masked
from tasks.errors import UserError
from tasks.sources.fetch.attempts import Interrupted

CHUNK = 2**16
"""Bytes that are taken from the network at once."""


@dataclass(frozen=True, kw_only=True)
class Download:
    """What to fetch, where it shall lie, and what it must be."""

    url: str
    """As params.yaml has it, for messages."""
    address: str
    """With the values of the variables that the URL names, which nobody is to see."""
    file: Path
    sha256: str | None
    size: int | None
    most: int
    """Bytes that may come, where `size` does not say how many."""
    max_unpacked_mib: int | None
    """What may become of an answer that was packed for the way, where the user says so."""
    token: str | None

    def masked(self, message: str) -> str:
        """What a library says of the address, without what nobody is to see."""
        return masked(message, self.url)

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


def known(download: Download) -> Fetched | None:
    """What was fetched before; None when that is not there, was touched since, or is not what is wanted now."""
    if not (download.file.is_file() and download.record.is_file()):
        return None
    record = Fetched(**json.loads(download.record.read_text()))
    # Size and time instead of a digest: that of gigabytes would be taken at every run.
    status = download.file.stat()
    untouched = (status.st_size, status.st_mtime_ns) == (record.size, record.modified_ns)
    fits = download.sha256 in (None, record.sha256) and download.size in (None, record.size)
    return record if untouched and fits else None


def begun(download: Download) -> tuple[int, dict[str, str]]:
    """How many bytes an earlier attempt left, and their mark; none when there is no mark to go on by."""
    if not (download.part.is_file() and download.part_mark.is_file()):
        return 0, {}
    mark: dict[str, str] = json.loads(download.part_mark.read_text())
    return download.part.stat().st_size, mark


def begin(download: Download, mark: Mapping[str, str]) -> None:
    """Before the first byte of a content is written; with an empty mark, the next attempt begins anew."""
    forget_part(download)
    # Pieces of two contents cannot be told apart without one.
    if mark:
        _write_json(download.part_mark, mark)


def check_length(download: Download, num_bytes: int) -> None:
    """Raises UserError for more bytes than may come."""
    if download.size is None and num_bytes > download.most:
        forget_part(download)
        raise UserError(
            f"{download.url}: holds more than {download.most >> 20:,} MiB; if that is so, raise "
            "ingest.source.max_fetched_mib, or give ingest.source.size"
        )


def write(download: Download, chunks: Iterable[bytes]) -> None:
    """After what is there already. Raises UserError as soon as there is more than is wanted."""
    with download.part.open("ab") as part:
        for chunk in chunks:
            # What is written counts, and not what a server says: it may never end.
            part.write(chunk)
            check_length(download, part.tell())
            if download.size is not None and part.tell() > download.size:
                forget_part(download)
                raise UserError(
                    f"{download.url}: holds more than the {download.size} bytes of ingest.source.size; {_CURE}"
                )


def finish(download: Download, mark: dict[str, str], announced: int | None) -> Fetched:
    """Puts the whole file in its place. `announced`: how long the server said that it is.

    Raises Interrupted when that is not so, UserError when the file is not what ingest.source says.
    """
    size = download.part.stat().st_size
    if announced is not None and size != announced:
        forget_part(download)
        # A connection that breaks may look like the end of the file.
        raise Interrupted(f"{size} bytes came, and the server announced {announced}")
    with download.part.open("rb") as part:
        sha256 = hashlib.file_digest(part, "sha256").hexdigest()
    _check(download, size, sha256)
    # In this order no crash leaves a record that speaks of other bytes.
    download.record.unlink(missing_ok=True)
    download.part.replace(download.file)
    download.part_mark.unlink(missing_ok=True)
    fetched = Fetched(mark=mark, sha256=sha256, size=size, modified_ns=download.file.stat().st_mtime_ns)
    _write_json(download.record, asdict(fetched))
    return fetched


def forget_part(download: Download) -> None:
    """So that the next attempt begins anew."""
    download.part.unlink(missing_ok=True)
    download.part_mark.unlink(missing_ok=True)


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


def _check(download: Download, size: int, sha256: str) -> None:
    if download.size not in (None, size):
        forget_part(download)
        raise UserError(f"{download.url}: holds {size} bytes, ingest.source.size says {download.size}; {_CURE}")
    if download.sha256 not in (None, sha256):
        forget_part(download)
        raise UserError(
            f"{download.url}: its SHA-256 is {sha256}, ingest.source.sha256 says {download.sha256}; {_CURE}"
        )


def _write_json(path: Path, content: Mapping[str, object]) -> None:
    files.write_text(path, json.dumps(content))
