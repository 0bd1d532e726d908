"""Broken archives, and those that an attacker would send."""

from __future__ import annotations

import gzip
import io
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable, Mapping

from tests.bad_input.delimited_files import GOOD, ROWS
from tests.bad_input.outcomes import Broken, Read, Refused, table

CONTENT = GOOD.encode()
ANEW = "copy or download it anew"


def zipped(members: Mapping[str, bytes], change: Callable[[zipfile.ZipInfo], None] | None = None) -> bytes:
    """A zip of these files; `change` has its way with each one's entry."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo("file")
            info.filename, info.compress_type = name, zipfile.ZIP_DEFLATED
            if change:
                change(info)
            archive.writestr(info, content)
    return packed.getvalue()


def tarred(name: str, kind: bytes, mode: str = "w") -> bytes:
    """A tar with one member of that kind: a link to a file outside, or a device."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as archive:  # type: ignore[call-overload] (the mode is no literal)
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, "/etc/passwd"
        archive.addfile(member)
    return packed.getvalue()


def encrypted() -> bytes:
    """A zip whose directory says that its file is encrypted."""
    packed = bytearray(zipped({"data.csv": CONTENT}))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        packed[packed.index(mark) + place] |= 1
    return bytes(packed)


def bomb(num_bytes: int = 300 << 20) -> bytes:
    """A zip of zeros, a thousandth of what it unpacks to."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("data.csv", "w") as member:
        for _ in range(num_bytes >> 20):
            member.write(bytes(1 << 20))
    return packed.getvalue()


def gzip_bomb() -> bytes:
    """A gz of rows that all are the same."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb") as file:
        for _ in range(300):
            file.write(b"1,2\n" * (1 << 18))
    return packed.getvalue()


def lying_bomb() -> bytes:
    """A bomb whose directory claims a few bytes."""
    packed = bytearray(bomb())
    place = packed.index(b"PK\x01\x02")
    struct.pack_into("<I", packed, place + 24, 100)
    return bytes(packed)


def _as_link(info: zipfile.ZipInfo) -> None:
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16


def _packed(content: bytes | Callable[[], bytes], name: str, what: str, cure: str, where: str | None = None) -> Broken:
    return Broken(table(content, name), Refused(where or name, what, cure))


_OUT = "leads out of the archive"
_TRUSTED = "the files that you trust"

ARCHIVES: dict[str, Broken] = {
    "gz cut off": _packed(gzip.compress(CONTENT)[:-9], "data.csv.gz", "damaged or cut off", ANEW),
    "gz with a wrong sum": _packed(gzip.compress(CONTENT)[:-8] + bytes(8), "data.csv.gz", "damaged or cut off", ANEW),
    "gz with rubbish behind": _packed(gzip.compress(CONTENT) + b"rubbish", "data.csv.gz", "damaged or cut off", ANEW),
    "gz of a gz": _packed(gzip.compress(gzip.compress(CONTENT)), "data.csv.gz.gz", "packed twice", "unpack it once"),
    "gz of a gz, unnamed": _packed(gzip.compress(gzip.compress(CONTENT)), "data.csv.gz", "a packed file", "unpack it"),
    "gz bomb": _packed(gzip_bomb, "data.csv.gz", "unpacks to more than", "max_unpacked_mib"),
    "zip cut off": _packed(zipped({"data.csv": CONTENT})[:-30], "data.zip", "damaged or cut off", ANEW),
    "zip without files": _packed(zipped({}), "data.zip", "holds no files", "put the data into it"),
    "zip of hidden files": _packed(
        zipped({"__MACOSX/._data.csv": b"z"}), "data.zip", "holds no files", "put the data into it"
    ),
    "zip that is encrypted": _packed(encrypted(), "data.zip: data.csv", "is encrypted", "with its password"),
    "zip that climbs out": _packed(zipped({"../../data.csv": CONTENT}), "data.zip", _OUT, _TRUSTED),
    "zip that climbs out, on Windows": _packed(zipped({"..\\..\\data.csv": CONTENT}), "data.zip", _OUT, _TRUSTED),
    "zip with an absolute name": _packed(zipped({"/etc/data.csv": CONTENT}), "data.zip", _OUT, _TRUSTED),
    "zip with a drive": _packed(zipped({"C:\\data.csv": CONTENT}), "data.zip", _OUT, _TRUSTED),
    "zip with a link": _packed(
        zipped({"data.csv": b"/etc/passwd"}, _as_link), "data.zip: data.csv", "a link", "pack the files"
    ),
    "zip in a zip": _packed(
        zipped({"in.zip": zipped({"data.csv": CONTENT})}), "data.zip", "inside an archive", "unpack the outer"
    ),
    "zip bomb": _packed(bomb, "data.zip", "unpacks to more than", "max_unpacked_mib"),
    "zip bomb that lies": _packed(lying_bomb, "data.zip: data.csv", "damaged or cut off", ANEW),
    "zip with a control sign in a name": _packed(
        zipped({"a\x1b[31m.zip": CONTENT}), "data.zip", "inside an archive", "unpack the outer"
    ),
    "tar with a link": _packed(tarred("data.csv", tarfile.SYMTYPE), "data.tar", "a link or a device", "pack the files"),
    "tar with a hard link": _packed(
        tarred("data.csv", tarfile.LNKTYPE), "data.tar", "a link or a device", "pack the files"
    ),
    "tar with a device": _packed(
        tarred("data.csv", tarfile.CHRTYPE, "w:gz"), "data.tgz", "a link or a device", "pack the files"
    ),
    "tar that climbs out": _packed(tarred("../data.csv", tarfile.REGTYPE), "data.tar", _OUT, _TRUSTED),
    "tar that is text": _packed(CONTENT, "data.tar", "damaged or cut off", ANEW),
    "bzip2": _packed(b"BZh91AY&SY" + bytes(50), "data.csv.bz2", "a packed file", "unpack it"),
    "gz that says nothing of it": Broken(table(gzip.compress(CONTENT), "data.csv"), Read(list(ROWS))),
    "zip behind a byte that is none of it": Broken(
        table(b"#" + zipped({"data.csv": CONTENT}), "data.zip"), Refused("data.zip", "NUL bytes", "unpack it")
    ),
}
