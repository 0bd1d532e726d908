"""The processes of a service: those of its session, whoever in it started them, and their memory.

A service leads a session of its own. The system gives its number to nobody else while any process of the session lives,
so that what a dead service has left is found by it, and a stranger under a recycled number is not.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psutil

from tasks.environment import is_alive

_KILLED = 5.0
"""Seconds in which the system takes a killed process away."""


@dataclass(frozen=True, kw_only=True)
class KnownProcess:
    """A process as it can be found again: its number, and when it began, in seconds since 1970."""

    pid: int
    born: float

    @property
    def is_alive(self) -> bool:
        """False, too, where another process has its number now."""
        return is_alive(self.pid, self.born)


def known_process(pid: int) -> KnownProcess:
    """The process that has this number now. Raises psutil.NoSuchProcess where it is gone."""
    return KnownProcess(pid=pid, born=psutil.Process(pid).create_time())


def members(leader: KnownProcess) -> list[psutil.Process]:
    """The living processes of the session that it leads; none where its number is another process's by now."""
    if _is_recycled(leader):
        return []
    return [process for process in psutil.process_iter() if _session(process.pid) == leader.pid and _lives(process)]


def family(leader: KnownProcess) -> set[psutil.Process]:
    """The living processes of its session, and what these have started in sessions of their own, as a server has the
    processes of its model."""
    own = members(leader)
    return {*own, *(child for process in own for child in _children(process))}


def stop(leaders: Iterable[KnownProcess], seconds: float) -> set[psutil.Process]:
    """Asks the sessions to end, and kills what has not after so many seconds. Returns what was killed.

    A leader is asked alone, as what it started is its to end; where it is dead, all that it has left is asked.
    """
    leaders = list(leaders)
    asked = [process for one in leaders for process in ([psutil.Process(one.pid)] if one.is_alive else members(one))]
    for process in asked:
        _send(process, signal.SIGTERM)
    deadline = time.monotonic() + seconds
    # Not psutil.wait_procs: it would take the exit status of a child, which is its Popen's to have.
    while any(map(_lives, asked)) and time.monotonic() < deadline:
        time.sleep(0.05)
    left = {*filter(_lives, asked), *(process for one in leaders for process in members(one))}
    for process in left:
        _send(process, signal.SIGKILL)
    while any(map(_lives, left)) and time.monotonic() < deadline + _KILLED:
        time.sleep(0.02)
    return left


def is_listening(leader: KnownProcess, port: int) -> bool:
    """Whether a process of its session has the port open to callers; True, too, where the system does not tell."""
    try:
        connections = [each for process in members(leader) for each in process.net_connections(kind="tcp")]
    except psutil.AccessDenied:
        return True
    # It has ended since; what it had open is nobody's.
    except psutil.NoSuchProcess:
        return False
    return any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in connections)


def memory(processes: Iterable[psutil.Process]) -> int:
    """Bytes that the processes take; what they share counts once where the system says so (PSS), else for each."""
    return sum(map(_memory, processes))


def _memory(process: psutil.Process) -> int:
    try:
        full: Any = process.memory_full_info()
        return int(getattr(full, "pss", full.rss))
    except psutil.AccessDenied:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def _children(process: psutil.Process) -> list[psutil.Process]:
    children: list[psutil.Process] = []
    with suppress(psutil.NoSuchProcess):
        children = process.children(recursive=True)
    return children


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return None


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _is_recycled(one: KnownProcess) -> bool:
    """Whether another process has its number, which the system gives away once the session is empty."""
    return psutil.pid_exists(one.pid) and not one.is_alive and not _is_zombie(one)


def _is_zombie(one: KnownProcess) -> bool:
    try:
        process = psutil.Process(one.pid)
        return bool(process.status() == psutil.STATUS_ZOMBIE and abs(process.create_time() - one.born) < 1)
    except psutil.NoSuchProcess:
        return False


def _send(process: psutil.Process, number: signal.Signals) -> None:
    # psutil looks first whether it is still the same process.
    with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        process.send_signal(number)
