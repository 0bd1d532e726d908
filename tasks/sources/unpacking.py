"""Reading what was packed: streams that say damage in plain words and stop at a bomb."""

from __future__ import annotations

import io
import lzma
import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from tasks.errors import UserError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# A small file may well be all zeros; so much fits every disk and is no attack.
_ALWAYS_ALLOWED = 256 << 20
_MAX_RATIO = 200
"""Text and tables shrink to a tenth or a fiftieth; a bomb to a thousandth, which is deflate's limit."""

# Each read goes through Python: sixteen times the default makes these few.
_BUFFER = 1 << 17

DAMAGE = (
    EOFError,
    lzma.LZMAError,
    OverflowError,
    struct.error,
    tarfile.TarError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What Python's readers raise at damaged bytes; names that cannot be decoded are a ValueError."""


class Unpacked(Protocol):
    """What gives unpacked bytes: gzip's and zip's readers, and a slice of a tar file."""

    def readinto(self, buffer: bytearray | memoryview, /) -> int:
        """Fills the buffer, and says with how many bytes; 0 at the end."""

    def close(self) -> None:
        """Lets go of the file."""


def most_unpacked(num_packed: int, max_unpacked_mib: int | None) -> int:
    """How many bytes may come out of so many packed ones: as many as the user allows, or as a file that is no bomb."""
    return max(_ALWAYS_ALLOWED, _MAX_RATIO * num_packed) if max_unpacked_mib is None else max_unpacked_mib << 20


def bomb(shown: str, limit: int) -> UserError:
    """The complaint about what unpacks to more than that."""
    return UserError(
        f"{shown}: unpacks to more than {limit >> 20:,} MiB, as files do that are made to fill a disk or the memory; "
        "if you trust it, raise ingest.source.max_unpacked_mib"
    )


@contextmanager
def damage(shown: str) -> Iterator[None]:
    """Says bytes that cannot be unpacked as a UserError."""
    try:
        yield
    except DAMAGE as error:
        raise _damaged(shown, error) from error
    except NotImplementedError as error:
        raise UserError(f"{shown}: packed in a way that is not known here ({error}); pack it anew") from error
    except OSError as error:
        # gzip and bzip2 say damage so, without the number that the system's own errors have.
        if error.errno is not None:
            raise
        raise _damaged(shown, error) from error


def guarded(unpacked: Unpacked, shown: str, limit: int) -> io.BufferedReader:
    """The bytes, read with `damage`, and no more than `limit` of them: counted, whatever the archive says."""
    return io.BufferedReader(_Guarded(unpacked, shown, limit), _BUFFER)


class Slice:
    """`size` bytes of a file that is kept open elsewhere, from `start` on; others may read it meanwhile."""

    def __init__(self, descriptor: int, start: int, size: int) -> None:
        self._descriptor = descriptor
        self._place = start
        self._end = start + size

    def readinto(self, buffer: bytearray | memoryview, /) -> int:
        size = min(len(buffer), self._end - self._place)
        # It moves no position, which other slices of the file would share.
        content = os.pread(self._descriptor, size, self._place)
        if size and not content:
            raise EOFError("the file ends early")
        buffer[: len(content)] = content
        self._place += len(content)
        return len(content)

    def close(self) -> None:
        """Nothing to do: the file is not the slice's own."""


class _Guarded(io.RawIOBase):
    def __init__(self, unpacked: Unpacked, shown: str, limit: int) -> None:
        self._unpacked = unpacked
        self._shown = shown
        self._limit = limit
        self._num_read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        # At each read: bytes may be damaged anywhere, long after the file was opened.
        with damage(self._shown):
            num_bytes = self._unpacked.readinto(memoryview(buffer))
        self._num_read += num_bytes
        # Counted here, as an archive's own words on its size may be false.
        if self._num_read > self._limit:
            raise bomb(self._shown, self._limit)
        return num_bytes

    def close(self) -> None:
        if not self.closed:
            self._unpacked.close()
        super().close()


def _damaged(shown: str, error: Exception) -> UserError:
    return UserError(f"{shown}: damaged or cut off ({str(error) or type(error).__name__}); copy or download it anew")
