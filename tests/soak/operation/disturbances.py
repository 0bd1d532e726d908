"""What befalls an operation while a run is at work: drawn from a seed, done, and undone where it has to be."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import psutil

from tasks.operating.service import MLFLOW, PREFECT, SCHEDULE
from tests.soak.operation.link import Condition, Link
from tests.soak.operation.machine import Machine, empty, fill

KILLS: Mapping[str, str] = {
    "Prefect's server killed": PREFECT,
    "MLflow's server killed": MLFLOW,
    "the scheduler killed": SCHEDULE,
    "the supervisor killed": "supervisor",
}
RUN_KILLED = "the run's process killed"
DISK_FULL = "a full disk"
SERVER_STALLED = "Prefect's server stalled"
OUTAGES: Mapping[str, tuple[str, Condition]] = {
    "Prefect cut off": (PREFECT, "cut"),
    "Prefect's link stalled": (PREFECT, "stalled"),
    "MLflow cut off": (MLFLOW, "cut"),
    "MLflow's link stalled": (MLFLOW, "stalled"),
}

_OUTAGE_SECONDS = (2.0, 6.0, 12.0, 25.0, 40.0)
"""Around what Prefect's own client bears, which is fourteen seconds."""

_ROOM = (0, 4096, 40_000, 200_000)
"""Bytes that a full disk has left: nothing, a page, and enough for some of what a run leaves."""

_FULL_SECONDS = 8.0


@dataclass(frozen=True, kw_only=True)
class Disturbance:
    """`after` is in seconds since the run was asked for; `seconds` is how long it lasts, where it does."""

    kind: str
    after: float
    seconds: float = 0.0
    room: int = 0

    def __str__(self) -> str:
        lasting = f" for {self.seconds:g} s" if self.seconds else ""
        room = f", {self.room} bytes left" if self.kind == DISK_FULL else ""
        return f"{self.kind} after {self.after:.1f} s{lasting}{room}"


@dataclass(kw_only=True)
class Site:
    """The machines of an operation: where servers run, and where runs do, which may be the same; links between them."""

    servers: Machine
    worker: Machine
    links: dict[str, Link] = field(default_factory=dict)
    has_small_disk: bool = False

    @property
    def machines(self) -> tuple[Machine, ...]:
        """Each once."""
        return (self.servers,) if self.servers is self.worker else (self.servers, self.worker)

    def kinds(self) -> list[str]:
        """What can befall it."""
        return [
            RUN_KILLED,
            *KILLS,
            *([DISK_FULL] if self.has_small_disk else []),
            *(OUTAGES if self.links else [SERVER_STALLED]),
        ]

    def holder(self, service: str) -> Machine:
        """The machine that runs a service."""
        return self.worker if service == SCHEDULE else self.servers


def drawn(kind: str, typical: float, draw: random.Random) -> Disturbance:
    """One of that kind, at any moment of a run that usually takes `typical` seconds."""
    seconds = {DISK_FULL: _FULL_SECONDS}.get(kind, 0.0)
    if kind in OUTAGES or kind == SERVER_STALLED:
        seconds = draw.choice(_OUTAGE_SECONDS)
    return Disturbance(kind=kind, after=draw.uniform(0.2, typical), seconds=seconds, room=draw.choice(_ROOM))


def disturb(site: Site, disturbance: Disturbance, draw: random.Random) -> bool:
    """Does it, and undoes what lasts once its time is over. Whether there was anything to disturb: a run at work, where
    nothing ends."""
    time.sleep(disturbance.after)
    kind = disturbance.kind
    if kind in KILLS:
        machine = draw.choice(site.machines) if KILLS[kind] == "supervisor" else site.holder(KILLS[kind])
        return machine.kill(KILLS[kind])
    if kind == RUN_KILLED:
        return _run_killed(site)
    is_at_work = bool(site.worker.flow_processes())
    if kind == DISK_FULL:
        machine = draw.choice(site.machines)
        fill(machine.root.parent, disturbance.room)
        try:
            time.sleep(disturbance.seconds)
        finally:
            empty(machine.root.parent)
        return is_at_work
    if kind == SERVER_STALLED:
        return _stalled(site, disturbance.seconds) and is_at_work
    service, condition = OUTAGES[kind]
    site.links[service].become(condition)
    time.sleep(disturbance.seconds)
    site.links[service].become("whole")
    return is_at_work


def _run_killed(site: Site) -> bool:
    """With all that it has started."""
    processes = site.worker.flow_processes()
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            for each in (*process.children(recursive=True), process):
                each.kill()
    return bool(processes)


def _stalled(site: Site, seconds: float) -> bool:
    service = site.servers.service(PREFECT)
    if service is None or service.process is None:
        return False
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(service.process.pid)
        process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        process.send_signal(signal.SIGCONT)
        return True
    return False
