"""Keeps services running: starts them in order, passes their lines on, and starts again what ends.

One thread does it all, as Linux ends the services with the thread that started them, and waits for what comes first: a
line, a signal, or the time of a restart.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tasks.errors import UserError
from tasks.operating.life import Life, become_ready, begun, ended, may_start
from tasks.operating.output import OWN_NAME, Say, is_noise
from tasks.operating.ports import answers, port_of
from tasks.operating.service import Service, in_order_of_stopping
from tasks.operating.service_process import ServiceProcess
from tasks.operating.sessions import is_listening, stop

START_SECONDS = 180.0
"""Servers start within twenty seconds, and much later on a machine that has more to do."""

HEALTH_SECONDS = 30.0
"""Seconds between two questions to a service that is ready: what hangs neither ends nor closes its port."""

MISSED_CHECKS = 3
"""Questions in a row without an answer after which it is ended: one alone may have met it while it was busy."""

_PATIENCE = 5.0
"""Seconds for which an answer is waited for; nothing else is looked at meanwhile."""

_TICK = 0.25
"""Seconds between two looks while a service starts or rests."""

_IDLE = 1.0
"""Seconds between two looks when all are ready: what ends closes its output, which wakes us at once."""

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""A closed terminal ends it, too."""


@dataclass(kw_only=True)
class Watched:
    """A service, where it stands, and its process while it has one."""

    service: Service
    life: Life
    process: ServiceProcess | None = None
    announced: bool = False
    """Whether its line has come that says that it is ready."""

    asked: float = 0.0
    """When it was last asked whether it is well, by the supervisor's clock."""

    missed: int = 0
    """Questions since its last answer."""

    recent: deque[str] = field(default_factory=lambda: deque(maxlen=8))


class Supervisor:
    """Runs services in a folder until a signal comes, and stops them then.

    `note` is called after every look, to write down how they stand, and `ready` once, when all are. `is_well` asks an
    address of a service that was ready whether it still answers.
    """

    def __init__(
        self,
        services: Sequence[Service],
        folder: Path,
        say: Say,
        *,
        note: Callable[[Sequence[Watched]], None] = lambda _: None,
        ready: Callable[[float], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
        is_well: Callable[[str], bool] = lambda address: answers(address, _PATIENCE),
    ) -> None:
        now = clock()
        self.watched = [Watched(service=service, life=Life(since=now)) for service in services]
        self._folder, self._say, self._clock = folder, say, clock
        self._note, self._ready, self._is_well = note, ready, is_well
        self._began, self._was_ready = now, False

    def run(self) -> None:
        """Returns after a signal, with everything stopped. Raises UserError for a service that cannot be started."""
        with _signals() as (wake, received):
            try:
                while not received:
                    self.step()
                    streams = [number for one in self.watched if one.process for number in one.process.descriptors]
                    busy = any(one.life.state != "ready" for one in self.watched)
                    select.select([wake, *streams], [], [], _TICK if busy else _IDLE)
            finally:
                self.stop()

    def step(self) -> None:
        """One look at every service."""
        for one in tuple(self.watched):
            self._look_at(one, self._clock())
        self._note(self.watched)
        if not self._was_ready and all(one.life.state == "ready" for one in self.watched):
            self._was_ready = True
            self._ready(self._clock() - self._began)

    def stop(self) -> None:
        """Stops all services, those first that others do not need."""
        for services in in_order_of_stopping(tuple(one.service for one in self.watched)):
            round_ = [one for one in self.watched if one.service in services]
            leaders = [one.process.known for one in round_ if one.process]
            stop(leaders, max(service.stop_seconds for service in services))
            for one in round_:
                self._let_go(one)

    def _look_at(self, one: Watched, now: float) -> None:
        process = one.process
        if process is None:
            if may_start(one.life, now) and self._are_ready(one.service.after):
                self._start(one, now)
            return
        self._pass_on(one, process)
        code = process.exit_code()
        if one.service.is_once:
            if code is not None or now - one.life.started > START_SECONDS:
                stop([process.known], one.service.stop_seconds)
                self._let_go(one)
                self.watched.remove(one)
        elif code is not None:
            self._end(one, process, f"ended ({_how(code)})", now)
        elif one.life.state == "starting":
            if one.announced or _is_answering(one.service, process):
                self._become_ready(one, now)
            elif now - one.life.started > START_SECONDS:
                self._end(one, process, f"was not ready after {START_SECONDS:.0f} s", now)
        elif one.life.state == "ready" and one.service.health and now - one.asked >= HEALTH_SECONDS:
            self._ask(one, one.service.health, process, now)

    def _ask(self, one: Watched, health: str, process: ServiceProcess, now: float) -> None:
        """Ends the service when it has not answered several times in a row."""
        one.asked = now
        one.missed = 0 if self._is_well(health) else one.missed + 1
        if one.missed >= MISSED_CHECKS:
            self._end(one, process, f"did not answer {MISSED_CHECKS} times, {HEALTH_SECONDS:.0f} s apart", now)

    def _start(self, one: Watched, now: float) -> None:
        one.announced = False
        one.life = begun(one.life, now)
        one.process = ServiceProcess(one.service, self._folder)

    def _become_ready(self, one: Watched, now: float) -> None:
        one.life = become_ready(one.life, now)
        one.asked, one.missed = now, 0
        again = " again" if one.life.restarts else ""
        self._say(OWN_NAME, f"{one.service.name} is ready{again} ({now - one.life.started:.1f} s)")

    def _end(self, one: Watched, process: ServiceProcess, how: str, now: float) -> None:
        # Of what it started, too: a second one beside it would do the same work, or find its port taken.
        stop([process.known], one.service.stop_seconds)
        self._let_go(one)
        one.life = ended(one.life, now)
        if one.life.is_hopeless:
            # Each start may have said the same.
            last = "\n".join(dict.fromkeys(one.recent))
            raise UserError(f"{one.service.name} {how}, {one.life.deaths} times in a row; it said last:\n{last}")
        self._say(OWN_NAME, f"{one.service.name} {how}; starts again in {one.life.pause:.0f} s")

    def _let_go(self, one: Watched) -> None:
        if one.process is not None:
            self._pass_on(one, one.process)
            one.process.close()
            one.process = None

    def _pass_on(self, one: Watched, process: ServiceProcess) -> None:
        for line in process.lines():
            if one.service.ready_line and line.startswith(one.service.ready_line):
                one.announced = True
            if not is_noise(line, one.service.noise):
                one.recent.append(line)
                self._say(one.service.name, line)

    def _are_ready(self, names: Sequence[str]) -> bool:
        return all(one.life.state == "ready" for one in self.watched if one.service.name in names)


def _is_answering(service: Service, process: ServiceProcess) -> bool:
    """Whether it answers itself: another project's server may have been faster to take the port."""
    if service.health is None or not answers(service.health):
        return False
    return is_listening(process.known, port_of(service.health))


def _how(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit {code}"


@contextmanager
def _signals() -> Iterator[tuple[int, list[int]]]:
    """A descriptor that can be read once a signal has come that ends us, and the signals that have come."""
    received: list[int] = []
    readable, writable = os.pipe()
    os.set_blocking(writable, False)

    def receive(number: int, _: object) -> None:
        received.append(number)
        os.write(writable, b"!")

    before = {number: signal.getsignal(number) for number in _ENDING}
    for number in _ENDING:
        signal.signal(number, receive)
    try:
        yield readable, received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(readable)
        os.close(writable)
