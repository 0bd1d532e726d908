"""What is up in a project, as a file says it: other commands find the servers by it, and stop what is left over.

Processes stand in it with their beginnings: a number that the system has given to another process means nothing.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from tasks import files
from tasks.operating import places
from tasks.operating.life import State
from tasks.operating.sessions import KnownProcess
from tasks.paths import Project


@dataclass(frozen=True, kw_only=True)
class ServiceStatus:
    """How one service stands. `process` is None while it rests; `since` is in seconds since 1970."""

    name: str
    state: State
    since: float
    restarts: int
    process: KnownProcess | None
    page: str | None
    health: str | None


@dataclass(frozen=True, kw_only=True)
class Operation:
    """Who watches, and over what. `secured` says that the servers ask for the project's credentials."""

    supervisor: KnownProcess
    secured: bool
    log: str | None
    services: tuple[ServiceStatus, ...]

    @property
    def is_ready(self) -> bool:
        """Whether all services are."""
        return all(service.state == "ready" for service in self.services)

    @property
    def known_processes(self) -> list[KnownProcess]:
        """The services' processes, as far as they run."""
        return [service.process for service in self.services if service.process]

    def service(self, name: str) -> ServiceStatus | None:
        """The service of that name; None where it is not among them."""
        return next((service for service in self.services if service.name == name), None)


class OperationFile:
    """Keeps the file as things stand, also where somebody has removed or damaged it meanwhile."""

    def __init__(self, project: Project) -> None:
        self._path = places.record(project)
        self._written: tuple[Operation, tuple[int, ...] | None] | None = None

    def keep(self, operation: Operation) -> None:
        """Writes it where it says something else."""
        if self._written != (operation, self._state()):
            files.write_json(self._path, asdict(operation))
            self._written = operation, self._state()

    def remove(self) -> None:
        """Nothing is up any more."""
        files.remove(self._path)

    def _state(self) -> tuple[int, ...] | None:
        try:
            state = self._path.lstat()
        except OSError:
            return None
        return state.st_ino, state.st_mtime_ns, state.st_size


def read(project: Project) -> Operation | None:
    """What the file says, whoever lives of it; None where there is none, or it is damaged."""
    try:
        content = json.loads(places.record(project).read_bytes())
        return _standing(content)
    # Whatever somebody has put there.
    except (OSError, ValueError, KeyError, TypeError):
        return None


def running(project: Project) -> Operation | None:
    """What is up now; None where nobody watches over it."""
    operation = read(project)
    return operation if operation is not None and operation.supervisor.is_alive else None


def page_of(project: Project, name: str) -> str | None:
    """The address of a service that is up and ready; None where there is none."""
    operation = running(project)
    service = operation.service(name) if operation else None
    return service.page if service and service.state == "ready" else None


def _standing(content: dict[str, Any]) -> Operation:
    services = tuple(
        ServiceStatus(**{**service, "process": service["process"] and KnownProcess(**service["process"])})
        for service in content["services"]
    )
    return Operation(**{**content, "supervisor": KnownProcess(**content["supervisor"]), "services": services})
