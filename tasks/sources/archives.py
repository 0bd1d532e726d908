"""The files inside a .zip or .tar: by safe names only, each with what opens it."""

from __future__ import annotations

import gzip
import re
import shutil
import stat
import struct
import tarfile
import tempfile
import weakref
import zipfile
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from functools import lru_cache, partial
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Self, TypeVar

from tasks.errors import UserError
from tasks.sources.unpacking import Slice, bomb, damage, guarded, most_unpacked

Member = TypeVar("Member")
Members = dict[str, Callable[[], BufferedReader]]

# On Windows C:evil.txt lies outside of the folder, though it begins with no slash.
_DRIVE = re.compile("[A-Za-z]:")

PACKED_SUFFIXES = (".zip", ".gz", ".tgz", ".tar", ".bz2", ".xz", ".zst", ".7z", ".rar")
# A tebibyte is more than anybody packs; names are read into memory, so a mebibyte has to do.
_LARGEST_FILE, _LARGEST_NAME = 1 << 40, 1 << 20
_LOCAL_MARK = b"PK\x03\x04"
_LOCAL_HEADER = struct.Struct("<4s22xHH")
"""Of a file in a zip: its mark, and at the end how long its name and its extra field are."""

_CHUNK = 1 << 20
# Bit 0 says that the content is encrypted, bit 6 that it is so strongly (APPNOTE 4.4.4).
_ENCRYPTED = 0x41
# What Python unpacks; others are refused by name, before a byte is read.
_READABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


def zip_members(file: Path, shown: str, max_unpacked_mib: int | None) -> Members:
    """The visible files of a zip. Raises UserError at what is damaged, encrypted, unsafe, or a bomb."""
    limit = most_unpacked(file.stat().st_size, max_unpacked_mib)
    with damage(shown), zipfile.ZipFile(file) as archive:
        # A folder is an entry as well, whose name ends so.
        members = [info for info in archive.infolist() if not info.filename.endswith("/")]
    # By what the archive says, before a byte is unpacked; the guard of each member counts what really comes.
    if sum(info.file_size for info in members) > limit:
        raise bomb(shown, limit)
    named = _by_name(((info.filename, info) for info in members), shown)
    for name, info in named.items():
        _check_zip_member(info, f"{shown}: {name}")
    return {name: partial(_open_zipped, file, info, f"{shown}: {name}", limit) for name, info in named.items()}


def check_unpacked(file: Path, shown: str, max_unpacked_mib: int | None) -> None:
    """Raises UserError when a document that is a zip unpacks to too much, whatever its directory says."""
    if zipfile.is_zipfile(file):
        status = file.stat()
        _check_unpacked(file, shown, most_unpacked(status.st_size, max_unpacked_mib), status.st_mtime_ns)


# A document's sheets are asked for one by one, and each time it is unpacked as a whole.
@lru_cache(maxsize=16)
def _check_unpacked(file: Path, shown: str, limit: int, modified_ns: int) -> None:
    left = limit
    with damage(shown), zipfile.ZipFile(file) as archive:
        members = archive.infolist()
    for info in members:
        # To the true end of what is packed, where readers of documents go, whatever size is claimed.
        info.file_size, info.CRC = limit + 1, None  # type: ignore[assignment]
        with _open_zipped(file, info, shown, limit) as content:
            while left >= 0 and (chunk := content.read(_CHUNK)):
                left -= len(chunk)
        if left < 0:
            raise bomb(shown, limit)


def tar_members(file: Path, shown: str, max_unpacked_mib: int | None) -> Members:
    """The visible files of a tar, packed with gzip or not. Raises UserError at what is damaged, unsafe, or a bomb.

    A tar that is packed as a whole can only be read from its start: a temporary copy without a name, gone with the
    last of its members, is read instead.
    """
    tar = _Tar(file, shown, max_unpacked_mib)
    members = tar.members()
    named = _by_name(((member.name, member) for member in members), shown)
    for name, member in named.items():
        # A link may lead out of the archive; a sparse file is not stored as it is read, so no slice of the tar is it.
        if not member.isreg() or member.issparse():
            raise UserError(f"{shown}: {name}: a link or a device, and no file; pack the files themselves")
    return {name: partial(tar.open, member, f"{shown}: {name}") for name, member in named.items()}


class _Tar:
    """A tar file, kept open while it or one of its members is needed."""

    def __init__(self, file: Path, shown: str, max_unpacked_mib: int | None) -> None:
        self._shown = shown
        self._content = _uncompressed(file, shown, most_unpacked(file.stat().st_size, max_unpacked_mib))
        # Members outlive the call that lists them; the last one lets go of the file.
        weakref.finalize(self, self._content.close)

    def members(self) -> list[tarfile.TarInfo]:
        """All but folders. Python takes a damaged header for the end; so what follows must be the mark of the end."""
        listed: list[tarfile.TarInfo] = []
        with damage(self._shown), tarfile.open(fileobj=self._content, mode="r:", tarinfo=_Header) as archive:
            for member in archive:
                # The reader would go back by it, and meet the same header for ever.
                if member.size < 0:
                    raise tarfile.ReadError("a size below 0")
                if not member.isdir():
                    listed.append(member)
            # Where Python stopped: at the end, or at a header that it could not read.
            self._content.seek(archive.offset)
            if self._content.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                raise tarfile.ReadError("its end is missing")
        return listed

    def open(self, member: tarfile.TarInfo, shown: str) -> BufferedReader:
        # A tar's member is stored as it is: its size in the header is all that may come.
        return guarded(_TarSlice(self, self._content.fileno(), member), shown, member.size)


class _Header(tarfile.TarInfo):
    """A tar's header with a size that can be; Python believes any, reads long names at once, and loops below 0."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        # Every header passes here, also those of long names, before their content is read.
        header = super().frombuf(buf, encoding, errors)
        is_file = header.type in tarfile.REGULAR_TYPES
        if not 0 <= header.size <= (_LARGEST_FILE if is_file else _LARGEST_NAME):
            raise tarfile.ReadError("a size that cannot be")
        return header


class _TarSlice(Slice):
    """Keeps its tar open."""

    def __init__(self, tar: _Tar, descriptor: int, member: tarfile.TarInfo) -> None:
        super().__init__(descriptor, member.offset_data, member.size)
        self._tar = tar


def _uncompressed(file: Path, shown: str, limit: int) -> BinaryIO:
    """The tar from its start: the file itself, or the temporary copy."""
    handle = file.open("rb")
    # By the content: a .tgz may have been unpacked on the way and kept its name.
    if handle.read(2) != b"\x1f\x8b":
        handle.seek(0)
        return handle
    handle.close()
    with ExitStack() as on_failure:
        # Without a name: it goes when the last reader closes it, however the process ends.
        copy = on_failure.enter_context(tempfile.TemporaryFile())
        with damage(shown), guarded(gzip.open(file), shown, limit) as content:
            shutil.copyfileobj(content, copy)
        # Open for the caller from here on.
        copy.seek(0)
        on_failure.pop_all()
    return copy


def _check_zip_member(info: zipfile.ZipInfo, shown: str) -> None:
    if info.flag_bits & _ENCRYPTED:
        raise UserError(f"{shown}: is encrypted; unpack the archive with its password, and give the unpacked files")
    if info.compress_type not in _READABLE:
        method = f"method {info.compress_type}"
        raise UserError(f"{shown}: packed in a way that is not known here ({method}); pack it anew with deflate")
    # The upper half holds the mode of Unix, when it was packed there.
    if stat.S_ISLNK(info.external_attr >> 16):
        raise UserError(f"{shown}: a link, and no file; pack the files themselves")


def _open_zipped(file: Path, info: zipfile.ZipInfo, shown: str, limit: int) -> BufferedReader:
    """Goes straight to the member: zipfile would read the whole directory again for each."""
    with ExitStack() as on_failure:
        handle = on_failure.enter_context(file.open("rb"))
        with damage(shown):
            handle.seek(info.header_offset)
            mark, len_name, len_extra = _LOCAL_HEADER.unpack(handle.read(_LOCAL_HEADER.size))
            # The extra field may be of another length here than in the directory at the end.
            handle.seek(len_name + len_extra, 1)
            if mark == _LOCAL_MARK:
                on_failure.pop_all()
                return guarded(zipfile.ZipExtFile(handle, "r", info, close_fileobj=True), shown, limit)
    raise UserError(f"{shown}: damaged, does not begin where the archive says; copy or download it anew")


def _by_name(listed: Iterable[tuple[str, Member]], shown: str) -> dict[str, Member]:
    """Without hidden names. Raises UserError when none is left, or one is unsafe, packed itself, or there twice."""
    named: dict[str, Member] = {}
    for given, member in listed:
        name = _safe_name(given, shown)
        # What macOS packs beside each file begins so: __MACOSX/._name.
        if any(component.startswith((".", "_")) for component in name.split("/")):
            continue
        if name.lower().endswith(PACKED_SUFFIXES):
            raise UserError(f"{shown}: {name}: an archive inside an archive; unpack the outer one, and give the inner")
        if name in named:
            raise UserError(f"{shown}: {name} is in it twice; pack it anew, each file once")
        named[name] = member
    if not named:
        raise UserError(f"{shown}: holds no files; put the data into it, or correct the path")
    return named


def _safe_name(given: str, shown: str) -> str:
    """With `/` between folders, whatever system packed it; a byte that is no UTF-8 becomes a replacement sign."""
    # Older Windows tools write backslashes, against the format.
    name = given.replace("\\", "/").encode(errors="surrogateescape").decode(errors="replace")
    if name.startswith("/") or _DRIVE.match(name) or ".." in name.split("/"):
        raise UserError(
            f"{shown}: {name}: this name leads out of the archive, as an attack does; pack it anew, or unpack the "
            "files that you trust and give their folder"
        )
    path = PurePosixPath(name)
    if not path.name:
        raise UserError(f"{shown}: a file in it has no name; copy or pack it anew")
    return path.as_posix()
