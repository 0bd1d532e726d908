"""What is up, as people read it: addresses once all is ready, and a table of the services."""

from __future__ import annotations

import time
from collections.abc import Iterable

import psutil
from rich.text import Text

from tasks.command.console import Terminal
from tasks.command.services import scheduled
from tasks.operating import places
from tasks.operating.operation import Operation, ServiceStatus
from tasks.operating.ports import answers
from tasks.operating.service import MLFLOW, PREFECT, SCHEDULE, SERVE
from tasks.operating.sessions import family, memory
from tasks.paths import Project

_LABELS = {PREFECT: "runs", MLFLOW: "models", SCHEDULE: "schedules"}


def show_addresses(project: Project, operation: Operation) -> None:
    """Where the pages are, and what it all takes."""
    lines = [
        (_LABELS.get(service.name, service.name), service.page or ", ".join(scheduled(project)))
        for service in operation.services
    ]
    if operation.secured:
        lines.append(("password", f"in {places.credentials(project)}; nothing is encrypted on its way: docs/deploy.md"))
    lines.append(("memory", f"{_mib(_processes(operation))} MiB"))
    if operation.log:
        lines.append(("log", operation.log))
    lines.append(("stop", "modelwright down" if operation.log else "Ctrl-C, or modelwright down"))
    console = Terminal()
    width = max(11, *(len(label) + 1 for label, _ in lines))
    for label, text in lines:
        console.print(Text.assemble("  ", (f"{label:{width}}", "dim"), text))


def show_operation(operation: Operation) -> None:
    """A line a service, then the supervisor's own; memory counts what processes share once."""
    console = Terminal()
    if not operation.supervisor.is_alive:
        warning = "nobody watches over these: `modelwright down` stops them, `modelwright up` begins anew"
        console.print(Text(warning, style="yellow"))
    width = max(11, *(len(service.name) + 1 for service in operation.services))
    head = f"{'service':{width}}{'state':18}{'since':>8}{'restarts':>10}{'process':>9}{'MiB':>6}  where"
    console.print(Text(head, style="bold"))
    for service in operation.services:
        console.print(Text(_line(service, width)))
    place = operation.log or "at a terminal"
    everything = _mib(_processes(operation))
    console.print(Text(f"{'all':{width}}{'':36}{operation.supervisor.pid:9}{everything:6}  {place}"))


def _line(service: ServiceStatus, width: int) -> str:
    alive = service.process is not None and service.process.is_alive
    state: str = service.state
    if service.process is not None and not alive:
        state = "dead"
    elif service.state == "ready" and service.health and not answers(service.health):
        state = "does not answer"
    elif service.state == "ready" and service.name.startswith(SERVE) and not answers(f"{service.page}/ready"):
        state = "waits for a model"
    number = str(service.process.pid) if service.process else ""
    taken = _mib(family(service.process)) if service.process else ""
    page = service.page or ""
    since = _duration(time.time() - service.since)
    return f"{service.name:{width}}{state:18}{since:>8}{service.restarts:10}{number:>9}{taken:>6}  {page}"


def _processes(operation: Operation) -> set[psutil.Process]:
    """The services' with all that they started, and the supervisor."""
    own = {psutil.Process(operation.supervisor.pid)} if operation.supervisor.is_alive else set()
    return own.union(*map(family, operation.known_processes))


def _mib(processes: Iterable[psutil.Process]) -> int:
    return round(memory(processes) / 2**20)


def _duration(seconds: float) -> str:
    """In the largest unit of which there is one."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
