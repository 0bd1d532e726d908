"""`modelwright up`, `down` and `ps`: the project's servers and schedules, started, stopped and shown."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tasks import files
from tasks.command.operation_table import show_addresses, show_operation
from tasks.command.services import services
from tasks.errors import UserError
from tasks.operating import credentials, places
from tasks.operating.operation import Operation, OperationFile, ServiceStatus, read, running
from tasks.operating.output import OWN_NAME, Say, last_lines, to_file, to_screen
from tasks.operating.port_claims import PortClaims, port_claims
from tasks.operating.ports import is_loopback
from tasks.operating.sessions import known_process, stop
from tasks.operating.supervisor import START_SECONDS, Supervisor, Watched
from tasks.paths import Project
from tasks.root import find_root

_ENDING = 90.0
"""Seconds that a supervisor has to stop what it watches: a scheduler alone may take fifty."""

_IN_BACKGROUND = "MODELWRIGHT_IN_BACKGROUND"
"""In the environment of the process that --detach leaves behind."""

_LEFTOVERS = 10.0
"""Seconds in which what a dead supervisor has left may end."""


def up(options: argparse.Namespace) -> int:
    """Runs the servers until a signal comes, or leaves them behind with `--detach`."""
    project = Project(root=find_root())
    # Taken out, as all that is started gets what is left.
    in_background = bool(os.environ.pop(_IN_BACKGROUND, None))
    with _alone(project) as is_alone, port_claims(places.port_claims()) as claims:
        if not is_alone:
            return _say_that_it_is_up(project)
        if not options.detach:
            return _watch(project, options.host, claims, in_background=in_background)
    # The lock is the background process's own.
    return _detach(project, options.host)


def down(_: argparse.Namespace) -> int:
    """Stops what is up, and what a supervisor has left that was killed."""
    project = Project(root=find_root())
    operation = _settled(project)
    if operation is None:
        print("nothing is up")  # noqa: T201
        return 0
    if operation.supervisor.is_alive:
        stop([operation.supervisor], _ENDING)
    _stop_leftovers(project, operation)
    print("stopped")  # noqa: T201
    return 0


def ps(options: argparse.Namespace) -> int:
    """Shows what is up."""
    project = Project(root=find_root())
    operation = _settled(project)
    if options.json:
        print(json.dumps(dataclasses.asdict(operation) if operation else {"services": []}))  # noqa: T201
    elif operation is None:
        print("nothing is up; `modelwright up` starts the servers")  # noqa: T201
    else:
        show_operation(operation)
    return 0


def _watch(project: Project, host: str, claims: PortClaims, *, in_background: bool) -> int:
    """The supervisor itself."""
    reachable = not is_loopback(host)
    if left := read(project):
        _stop_leftovers(project, left)
    secrets = credentials.ensure(project) if reachable else None
    wanted = services(project, host, secrets, claims.choose)
    if all(service.is_once for service in wanted):
        raise UserError(
            "there is nothing to start: PREFECT_API_URL and MLFLOW_TRACKING_URI name servers, and prefect.yaml has no "
            "schedules; unset one of them"
        )
    files.remove(places.record(project))
    say = to_file(places.log(project)) if in_background else to_screen()
    log = str(places.log(project)) if in_background else None
    file = OperationFile(project)
    note = _noting(file, say, secured=reachable, log=log)
    say(OWN_NAME, f"starting {', '.join(service.name for service in wanted)}")

    def ready(seconds: float) -> None:
        say(OWN_NAME, f"all are ready after {seconds:.1f} s")
        if not in_background and (operation := read(project)):
            show_addresses(project, operation)

    try:
        Supervisor(wanted, project.root, say, note=note, ready=ready).run()
    finally:
        file.remove()
    say(OWN_NAME, "stopped")
    return 0


def _noting(file: OperationFile, say: Say, *, secured: bool, log: str | None) -> Callable[[Sequence[Watched]], None]:
    """Writes down how services stand. A disk that is full is no reason to stop them: it is said, once."""
    # The services' clock runs on while the time of day is put right: one difference for all.
    apart = time.time() - time.monotonic()
    this, complaints = known_process(os.getpid()), set[str]()

    def note(watched: Sequence[Watched]) -> None:
        stands = tuple(
            ServiceStatus(
                name=one.service.name,
                state=one.life.state,
                since=round(apart + one.life.since, 3),
                restarts=one.life.restarts,
                process=one.process.known if one.process else None,
                page=one.service.page,
                health=one.service.health,
            )
            for one in watched
        )
        try:
            file.keep(Operation(supervisor=this, secured=secured, log=log, services=stands))
        except UserError as error:
            if str(error) not in complaints:
                complaints.add(str(error))
                say(OWN_NAME, str(error))

    return note


@contextmanager
def _alone(project: Project) -> Iterator[bool]:
    """Whether no other supervisor of the project runs; while the context lasts, none begins."""
    from filelock import FileLock, Timeout

    lock = places.lock(project)
    with files.storage_errors(lock):
        lock.parent.mkdir(parents=True, exist_ok=True)
    holder = FileLock(lock)
    try:
        holder.acquire(timeout=0)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        holder.release()


def _settled(project: Project) -> Operation | None:
    """What is up, or was left: where a supervisor lives and its file is damaged, it is soon written again."""
    for _ in range(100):
        operation = read(project)
        if operation is not None:
            return operation
        with _alone(project) as is_alone:
            if is_alone:
                return None
        time.sleep(0.1)
    raise UserError(
        f"{places.record(project)}: somebody holds {places.lock(project)} and says nothing; end that process"
    )


def _stop_leftovers(project: Project, operation: Operation) -> None:
    stop(operation.known_processes, _LEFTOVERS)
    files.remove(places.record(project))


def _say_that_it_is_up(project: Project) -> int:
    operation = _settled(project)
    print("it is up already; `modelwright ps` shows more, `modelwright down` stops it")  # noqa: T201
    if operation:
        show_addresses(project, operation)
    return 0


def _detach(project: Project, host: str) -> int:
    """Starts the supervisor in a session of its own, and returns once all services are ready."""
    errors = places.errors(project)
    command = [sys.executable, "-P", "-m", "tasks.command.cli", "up", "--host", host]
    with files.storage_errors(errors), errors.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=project.root,
            env={**os.environ, _IN_BACKGROUND: "1"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        operation = _wait_until_ready(project, process, errors)
    except KeyboardInterrupt:
        stop([known_process(process.pid)], _ENDING)
        raise
    show_addresses(project, operation)
    return 0


def _wait_until_ready(project: Project, process: subprocess.Popen[bytes], errors: Path) -> Operation:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        operation = running(project)
        if operation and operation.is_ready:
            return operation
        # 0 where somebody else's was faster: then that one is waited for.
        if process.poll():
            message = last_lines(errors, 12).removeprefix("error: ")
            raise UserError(message or f"it ended with exit code {process.returncode}; {places.log(project)} says more")
        time.sleep(0.1)
    raise UserError(
        f"not everything is ready after {START_SECONDS:.0f} s; it goes on trying: `modelwright ps` shows how things "
        f"stand, {places.log(project)} says why, and `modelwright down` stops it"
    )
