"""A service's process: started in a session of its own, its lines read as they come, and gone when we are."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tasks.operating.service import Service
from tasks.operating.sessions import KnownProcess, known_process

_MOST_OF_A_LINE = 65536
"""Bytes of a line that does not end: it is cut there, and kept from filling the memory."""


class ServiceProcess:
    """A running service. Its standard output and errors are one stream, which `lines` empties without waiting."""

    def __init__(self, service: Service, folder: Path) -> None:
        self._process = subprocess.Popen(
            service.command,
            cwd=folder,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **service.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # an interrupt at the terminal is ours to pass on
            preexec_fn=_dying_with_us(),
        )
        assert self._process.stdout is not None
        self._stream = self._process.stdout
        os.set_blocking(self._stream.fileno(), False)
        self._rest = b""
        self._is_at_end = False
        self.known: KnownProcess = known_process(self._process.pid)

    @property
    def descriptors(self) -> list[int]:
        """What `select` waits for: there is something to read. None once it has closed its output."""
        return [] if self._is_at_end else [self._stream.fileno()]

    def exit_code(self) -> int | None:
        """None while it lives; below zero it is the number of the signal that killed it."""
        return self._process.poll()

    def lines(self) -> Iterator[str]:
        """The whole lines that have come since the last call; at the end of the process what is left, too."""
        while chunk := self._read():
            *whole, self._rest = (self._rest + chunk).split(b"\n")
            if len(self._rest) > _MOST_OF_A_LINE:
                whole, self._rest = [*whole, self._rest], b""
            yield from (line.decode(errors="replace") for line in whole)
        if self._rest and self.exit_code() is not None:
            yield self._rest.decode(errors="replace")
            self._rest = b""

    def close(self) -> None:
        """Lets go of the stream and of the exit code, once the process is dead."""
        self._process.poll()
        self._stream.close()

    def _read(self) -> bytes:
        if self._is_at_end:
            return b""
        try:
            chunk = os.read(self._stream.fileno(), _MOST_OF_A_LINE)
        except BlockingIOError:
            return b""
        self._is_at_end = not chunk
        return chunk


def _dying_with_us() -> Callable[[], None] | None:
    """Has the system send SIGTERM to the service when this process dies, even of SIGKILL; Linux alone does so.

    It goes by the thread that started the service, which therefore has to be the main one.
    """
    if sys.platform != "linux":
        return None
    import ctypes
    import signal

    set_by_name = ctypes.CDLL(None, use_errno=True).prctl
    parent_death = 1  # PR_SET_PDEATHSIG of linux/prctl.h
    parent = os.getpid()

    def ask() -> None:
        set_by_name(parent_death, signal.SIGTERM)
        # We died before it was asked for.
        if os.getppid() != parent:
            os._exit(1)

    return ask
