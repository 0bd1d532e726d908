"""Files as they are, or packed as .gz, .zip or .tar: what is in them, read without unpacking to disk."""

from __future__ import annotations

import gzip
import hashlib
import re
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BufferedReader, FileIO
from pathlib import Path
from typing import Literal

from tasks.errors import UserError
from tasks.sources.archives import PACKED_SUFFIXES, tar_members, zip_members
from tasks.sources.files import read_errors
from tasks.sources.unpacking import DAMAGE, damage, guarded, most_unpacked

Form = Literal["plain", "gzip", "zip", "tar"]

# Where POSIX has it; tars of the older form lack it, and go by their names.
_TAR_MARK, _TAR_MARK_AT = b"ustar", 257
_OFFICE = ("[Content_Types].xml", "mimetype")
"""The zip of an Excel or OpenDocument file holds one of these: it is a document, and no archive of files."""

_PIECE = 1 << 16

# A temporary file gets only a suffix that is safe on every disk; readers go by it.
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A file, or one inside an archive. `shown` is for messages; `name` is its path below the folder or archive."""

    shown: str
    name: str
    file: str | None = None
    """Where the file itself lies, when it is not packed: as text, since there may be a million of them."""

    unpack: Callable[[], BufferedReader] | None = field(default=None, repr=False, compare=False)
    """Opens one that is packed."""

    max_unpacked_mib: int | None = None
    """What the user allows a packed file to unpack to: a document may be packed in itself."""

    @property
    def plain(self) -> Path | None:
        """The file itself, when it is not packed."""
        return None if self.file is None else Path(self.file)

    def open(self) -> BufferedReader:
        """The bytes, unpacked while they are read; to be closed. Reading raises UserError at damage and at a bomb."""
        with read_errors(self.shown):
            if self.unpack:
                return self.unpack()
            assert self.file is not None
            return Path(self.file).open("rb")

    def read(self, most: int) -> bytes:
        """All the bytes; one more than `most` of a file that has more. Raises UserError as `open` does."""
        with read_errors(self.shown):
            # Not through a buffer, which costs more than such a file: most are read in one go.
            with FileIO(self.file) if self.file is not None else self.open() as handle:
                pieces, size = [], 0
                while size <= most and (piece := handle.read(min(_PIECE, most + 1 - size))):
                    pieces.append(piece)
                    size += len(piece)
            return b"".join(pieces)


def is_packed(file: Path) -> bool:
    """Whether the file is a .gz, .zip or .tar by its content; an old .tar by its name. Excel files are not."""
    with read_errors(str(file)):
        return _form(file) != "plain"


def entries(file: Path, shown: str, max_unpacked_mib: int | None = None) -> list[Entry]:
    """What a .gz, .zip or .tar holds, sorted by name, without hidden names; of a plain file, itself.

    `max_unpacked_mib` is what the user allows a packed file to unpack to.
    Raises UserError when an archive is damaged, encrypted, holds nothing, other archives, or names that lead out of it.
    """
    with read_errors(shown):
        match _form(file):
            case "gzip":
                return _unpacked_gzip(file, shown, max_unpacked_mib)
            case "zip":
                opened = zip_members(file, shown, max_unpacked_mib)
            case "tar":
                opened = tar_members(file, shown, max_unpacked_mib)
            # Nothing to unpack: readers that map files into memory get the file itself.
            case "plain":
                return [plain_entry(file, shown, file.name, max_unpacked_mib)]
    return [
        Entry(shown=f"{shown}: {name}", name=name, unpack=opened[name], max_unpacked_mib=max_unpacked_mib)
        for name in sorted(opened)
    ]


def plain_entry(file: Path, shown: str, name: str, max_unpacked_mib: int | None = None) -> Entry:
    """A file as it is."""
    return Entry(shown=shown, name=name, file=str(file), max_unpacked_mib=max_unpacked_mib)


@contextmanager
def extracted(entry: Entry) -> Iterator[Path]:
    """A file with the entry's bytes, for formats that must be sought in: the file itself, or a temporary one."""
    if entry.plain:
        yield entry.plain
        return
    suffix = _SUFFIX.fullmatch(Path(entry.name).suffix)
    with tempfile.NamedTemporaryFile(suffix=suffix.group() if suffix else None) as copy:
        with read_errors(entry.shown), entry.open() as content:
            shutil.copyfileobj(content, copy)
        # What reads it opens it by its name.
        copy.flush()
        yield Path(copy.name)


def digest_entries(
    groups: Mapping[str, Iterable[Entry]],
    digest: Callable[[str, Entry], str] = lambda _, entry: entry_digest(entry),
) -> str:
    """SHA-256 over groups, names and `digest` of each file: a folder and a .zip of it have the same."""
    content = hashlib.sha256()
    for group, listed in groups.items():
        for entry in listed:
            content.update(f"{group}\0{entry.name}\0{digest(group, entry)}\n".encode())
    return content.hexdigest()


def entry_digest(entry: Entry) -> str:
    """SHA-256 of its bytes, unpacked."""
    with read_errors(entry.shown), entry.open() as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _form(file: Path) -> Form:
    """gzip, zip, tar or plain; a .tar.gz is a tar."""
    with file.open("rb") as handle:
        # A block of tar, which holds its mark.
        head = handle.read(512)
    if head.startswith(b"\x1f\x8b"):
        # By what is inside: data.gz may be a tar, and many are.
        return "tar" if _is_tar(file.name.lower().removesuffix(".gz"), _gzip_head(file)) else "gzip"
    # The second begins an archive that holds nothing.
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        # Their own readers unpack them.
        return "plain" if _is_office(file) else "zip"
    return "tar" if _is_tar(file.name.lower(), head) else "plain"


def _is_tar(name: str, head: bytes) -> bool:
    return name.endswith((".tar", ".tgz")) or head[_TAR_MARK_AT:].startswith(_TAR_MARK)


def _gzip_head(file: Path) -> bytes:
    """How the unpacked bytes begin; nothing when they cannot be unpacked, which is said when they are read."""
    try:
        with gzip.open(file) as handle:
            return handle.read(512)
    # Nothing is swallowed: reading it raises the same again, with the file's name.
    except (gzip.BadGzipFile, *DAMAGE):
        return b""


def _is_office(file: Path) -> bool:
    try:
        with zipfile.ZipFile(file) as archive:
            return any(name in _OFFICE for name in archive.namelist())
    # As an archive it is refused later, with what is wrong.
    except (NotImplementedError, *DAMAGE):
        return False


def _unpacked_gzip(file: Path, shown: str, max_unpacked_mib: int | None) -> list[Entry]:
    name = re.sub(r"\.gz$", "", file.name, flags=re.IGNORECASE)

    if name.lower().endswith(PACKED_SUFFIXES):
        raise UserError(f"{shown}: packed twice; unpack it once, and give that")

    def unpack() -> BufferedReader:
        with damage(shown):
            return guarded(gzip.open(file), shown, most_unpacked(file.stat().st_size, max_unpacked_mib))

    return [Entry(shown=shown, name=name, unpack=unpack, max_unpacked_mib=max_unpacked_mib)]
