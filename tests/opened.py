"""Watches which files are opened, by whatever language and library: inotify, since an audit hook only sees Python."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

IN_OPEN, IN_Q_OVERFLOW, IN_ISDIR = 0x20, 0x4000, 0x40000000
IN_NONBLOCK = 0o4000
_HEADER = struct.Struct("iIII")


@contextmanager
def watched(*folders: Path) -> Iterator[set[Path]]:
    """The files below the folders that are opened inside the block, by any process; filled when the block ends."""
    library = ctypes.CDLL(None, use_errno=True)
    descriptor = library.inotify_init1(IN_NONBLOCK)
    assert descriptor >= 0, os.strerror(ctypes.get_errno())
    watches: dict[int, Path] = {}
    for top in folders:
        for folder in (top, *(path for path in top.rglob("*") if path.is_dir())):
            watches[library.inotify_add_watch(descriptor, os.fsencode(folder), IN_OPEN)] = folder
    opened: set[Path] = set()
    try:
        yield opened
        opened.update(_read_events(descriptor, watches))
    finally:
        os.close(descriptor)


def _read_events(descriptor: int, watches: dict[int, Path]) -> Iterator[Path]:
    while True:
        try:
            buffer = os.read(descriptor, 1 << 20)
        except BlockingIOError:
            return
        position = 0
        while position < len(buffer):
            watch, mask, _, length = _HEADER.unpack_from(buffer, position)
            name = buffer[position + _HEADER.size : position + _HEADER.size + length].rstrip(b"\0")
            position += _HEADER.size + length
            assert not mask & IN_Q_OVERFLOW, "more was opened than the kernel's queue holds"
            if name and not mask & IN_ISDIR:
                yield watches[watch] / os.fsdecode(name)
