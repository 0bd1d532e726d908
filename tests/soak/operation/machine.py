"""A machine of the soak: a project in which `modelwright up` runs, on a small disk where root may mount one."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from tasks.operating.operation import Operation, ServiceStatus, running
from tasks.operating.service import SCHEDULE
from tasks.operating.sessions import members, memory
from tasks.paths import Project
from tests.projects import modelwright

START_SECONDS = 240.0

_MIB = 2**20

_DISK = 3072 * _MIB

_HOLDINGS: Mapping[str, tuple[str, ...]] = {
    "prefect.db": (".modelwright/up/prefect.db*",),
    "mlflow.db": ("mlflow/mlflow.db*",),
    "mlflow artifacts": ("mlflow/artifacts",),
    "dvc cache": (".dvc/cache",),
    "logs of up": (".modelwright/up/log*",),
    "data, models, reports": ("data", "models", "reports"),
}
"""What is measured on disk, by the places below a project's folder."""


@dataclass(kw_only=True)
class Machine:
    """`variables` are those of its environment, beside the ones that every test has."""

    root: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def project(self) -> Project:
        """Its project."""
        return Project(root=self.root)

    @property
    def operation(self) -> Operation | None:
        """What is up."""
        return running(self.project)

    def command(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """A command as a person gives it there."""
        return modelwright(self.root, *arguments, check=check, **self.variables)

    def service(self, name: str) -> ServiceStatus | None:
        """None where it does not run here."""
        operation = self.operation
        return operation.service(name) if operation else None

    def port(self, name: str) -> int:
        """Where its server listens. Raises LookupError while it is not known."""
        service = self.service(name)
        if service is None or service.page is None:
            raise LookupError(name)
        return urlsplit(service.page).port or 0

    def kill(self, name: str) -> bool:
        """SIGKILL to a service, or to the supervisor; whether there was one."""
        operation = self.operation
        if operation is None:
            return False
        service = operation.service(name)
        known = operation.supervisor if name == "supervisor" else service.process if service else None
        return known is not None and _sent(known.pid, signal.SIGKILL)

    def wait_until_ready(self) -> bool:
        """Whether all is, within four minutes; `up` is given again where nobody watches."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            operation = self.operation
            if operation is None:
                # It may say that not all is ready yet, and goes on trying.
                self.command("up", "--detach", check=False)
            elif operation.is_ready and all(known.is_alive for known in operation.known_processes):
                return True
            time.sleep(0.2)
        return False

    def flow_processes(self) -> list[psutil.Process]:
        """Of runs at work: what the scheduler has started."""
        service = self.service(SCHEDULE)
        if service is None or service.process is None:
            return []
        with suppress(psutil.NoSuchProcess):
            return [each for each in psutil.Process(service.process.pid).children() if "python" in each.name()]
        return []

    def num_bytes_held(self) -> dict[str, int]:
        """Memory by service (PSS: what processes share counts once)."""
        operation = self.operation
        if operation is None:
            return {}
        held = {one.name: memory(members(one.process)) for one in operation.services if one.process}
        with suppress(psutil.NoSuchProcess):
            held["supervisor"] = memory([psutil.Process(operation.supervisor.pid)])
        return held

    def pids(self) -> dict[str, int]:
        """Of the services, to tell a server from one that was started anew."""
        operation = self.operation
        services = operation.services if operation else ()
        own = {"supervisor": operation.supervisor.pid} if operation else {}
        return own | {one.name: one.process.pid for one in services if one.process}

    def num_bytes_on_disk(self) -> dict[str, int]:
        """By what they are of, and of all below the folder."""
        sizes = {
            name: sum(_size(path) for pattern in patterns for path in self.root.glob(pattern))
            for name, patterns in _HOLDINGS.items()
        }
        return {**sizes, "all": _size(self.root)}

    def strangers(self) -> list[str]:
        """Processes that work in the project's folder and are no part of what is up."""
        operation = self.operation
        leaders = [operation.supervisor, *operation.known_processes] if operation else []
        own = {process.pid for one in leaders for process in members(one)} | {one.pid for one in leaders}
        return [line for pid, line in _at_work_in(self.root) if pid not in own]


@contextmanager
def small_disk(place: Path) -> Iterator[bool]:
    """A file system of its own at `place`; False where only a folder could be made, as by a user who is not root."""
    place.mkdir(parents=True)
    line = ["mount", "-t", "tmpfs", "-o", f"size={_DISK}", "tmpfs", str(place)]
    is_mounted = subprocess.run(line, check=False, capture_output=True).returncode == 0
    try:
        yield is_mounted
    finally:
        if is_mounted:
            # Lazily: a process that is still ending may have its folder there.
            subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(place: Path, room: int) -> None:
    """Leaves so many bytes of room on a small disk."""
    state = os.statvfs(place)
    used = (state.f_blocks - state.f_bfree) * state.f_frsize
    _remount(place, used + room)


def empty(place: Path) -> None:
    """Gives the disk its room back."""
    _remount(place, _DISK)


def _remount(place: Path, num_bytes: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={num_bytes}", str(place)], check=True)


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            with suppress(FileNotFoundError):
                total += Path(folder, name).lstat().st_size
    return total


def _sent(pid: int, number: signal.Signals) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
        return True
    return False


def _at_work_in(root: Path) -> Iterator[tuple[int, str]]:
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied, FileNotFoundError):
            is_there = process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()).is_relative_to(root)
            if is_there and process.pid != os.getpid():
                yield process.pid, " ".join(process.cmdline())[:160]
