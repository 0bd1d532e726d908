"""Ports that one `up` keeps for its services, and that another project's passes by.

A server listens seconds after its port was chosen, and not at all while it is started anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tasks import files
from tasks.operating.ports import free_port

if TYPE_CHECKING:
    from filelock import BaseFileLock


class PortClaims:
    """Claims of this process, which end with it, however it ends. Others see them who look into the same folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: list[BaseFileLock] = []

    def choose(self, host: str, preferred: int) -> int:
        """The preferred port, or the next one that nobody listens on or has claimed; it is claimed now.

        Raises UserError where the host is not this machine's.
        """
        port = free_port(host, preferred)
        return port if self._claim(port) else self.choose(host, port + 1)

    def release(self) -> None:
        """Others may have them."""
        while self._held:
            self._held.pop().release()

    def _claim(self, port: int) -> bool:
        from filelock import FileLock, Timeout

        file = self._folder / f"{port}.lock"
        with files.storage_errors(file):
            # Others than the owner have no business there: whoever may write could hold every port.
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = FileLock(file)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                return False
        self._held.append(lock)
        return True


@contextmanager
def port_claims(folder: Path) -> Iterator[PortClaims]:
    """Claims that last as long as the context."""
    claims = PortClaims(folder)
    try:
        yield claims
    finally:
        claims.release()
