"""The process behind `modelwright schedule`: runs what falls due, until a signal or the loss of the server ends it.

An outage of the server, as when it is started again, is outlived, and so it is by the runs at work (outages.py).

Prefect's runner does the work. How it ends is ours: Prefect kills runs at work, or prints pages of tracebacks.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shlex
import signal
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Self
from uuid import UUID

import httpx
import psutil
from prefect import get_client
from prefect.client.schemas.actions import DeploymentUpdate
from prefect.deployments.runner import RunnerDeployment
from prefect.runner import Runner
from prefect.runner._flow_run_executor import ProcessStarter
from prefect.runner._starter_engine import EngineCommandStarter
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from flows.connection import check_server
from flows.missed_runs import catch_up
from flows.outages import LONGEST_OUTAGE, away_sentence, back_sentence, outlive_outages
from flows.processes import end_dead_runs, record_process
from flows.removed_schedules import tell_removed
from flows.run_process import RUN_COMMAND
from tasks.errors import Terminated, UserError

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

_LOOK_EVERY = 5.0
"""Seconds between two looks at the server."""

_SWEEP_EVERY = 60.0
"""Seconds between two looks for runs whose processes are dead, and from an outage to the first one: a run may have
waited for the server to begin."""

_HEAD_START = 3.0
"""Seconds in which runs end by themselves that Ctrl-C has reached as well, as it does at a terminal."""

_GRACE = 30.0
"""Seconds in which runs may mark themselves as ended, here and in MLflow, before they are killed."""

_TEARDOWN = 10.0
"""Seconds in which Prefect may pause the schedules."""

_Signals = SimpleQueue[BaseException]


class _Runner(Runner):
    """Prefect's own handler of SIGTERM exits in the middle of whatever goes on, and leaves the runs as running; and its
    engine, as a run's process, ends where the server is away."""

    signals: _Signals

    async def __aenter__(self) -> Self:
        runner = await super().__aenter__()
        poller = runner._scheduled_run_poller
        starter_of, propose_pending = poller._resolve_starter, poller._state_proposer.propose_pending

        async def recorded(flow_run: FlowRun) -> bool:
            # Until the run's own process says who it is: a scheduler that is killed in between leaves a run that begins
            # no more, and its slot taken.
            await asyncio.to_thread(record_process, flow_run.id)
            return await propose_pending(flow_run)

        def starter(flow_run: FlowRun) -> ProcessStarter:
            made = starter_of(flow_run)
            assert isinstance(made, EngineCommandStarter)
            made._command = shlex.join(RUN_COMMAND)
            return made

        poller._resolve_starter = starter
        vars(poller._state_proposer)["propose_pending"] = recorded
        return runner

    def handle_sigterm(self, *_: object) -> None:
        self.signals.put(Terminated())


def serve(deployments: Sequence[RunnerDeployment], days_of_runs: int | None) -> None:
    """Registers the deployments and runs what falls due, each run in a process of its own; never returns.

    `days_of_runs`: how long the server keeps runs, None for good.

    Raises KeyboardInterrupt or Terminated after a signal, and UserError when the server is away for longer than
    `LONGEST_OUTAGE`. Runs at work are ended first, and told to the server; the schedules are paused.
    """
    outlive_outages()
    runner = _Runner()
    runner.signals = SimpleQueue()
    # Before they are registered: what is new has missed nothing.
    now = datetime.now(UTC)
    ids = {_register(runner, deployment) for deployment in deployments}
    for name in end_dead_runs(ids):
        print(f"run {name}: its process is dead; ended as crashed")  # noqa: T201
    tell_removed(Path.cwd(), ids)
    for name in catch_up(ids, now, days_of_runs):
        print(f"{name}: a run fell due while nobody ran it; it runs now, once")  # noqa: T201
    names = ", ".join(f"{deployment.flow_name}/{deployment.name}" for deployment in deployments)
    print(f"serving {names}; Ctrl-C stops it", flush=True)  # noqa: T201
    signal.signal(signal.SIGINT, lambda *_: runner.signals.put(KeyboardInterrupt()))
    # Not asyncio.run: it would wait for each of the runner's tasks, some of which never give up on a server.
    asyncio.new_event_loop().run_until_complete(_serve(runner, ids))


def _register(runner: Runner, deployment: RunnerDeployment) -> UUID:
    registered = UUID(str(runner.add_deployment(deployment)))
    # Prefect keeps the folder of the first time, and would run the code there after the project has moved.
    with get_client(sync_client=True) as client:
        client.update_deployment(registered, DeploymentUpdate(path=str(Path.cwd())))
    return registered


async def _serve(runner: _Runner, ids: Collection[UUID]) -> None:
    serving = asyncio.create_task(runner.start())
    watching = asyncio.create_task(asyncio.to_thread(_reason_to_end, runner.signals, ids))
    await asyncio.wait((serving, watching), return_when=asyncio.FIRST_COMPLETED)
    if not watching.done():
        # The runner gave up, mostly for want of a server.
        check_server(needed=True)
        await serving
    reason = watching.result()
    with _silence():
        await asyncio.to_thread(_end_runs, _HEAD_START if isinstance(reason, KeyboardInterrupt) else 0)
        serving.cancel()
        await asyncio.wait((serving,), timeout=_TEARDOWN)
        # Those that were killed could not tell.
        with suppress(httpx.HTTPError), _at_once():
            await asyncio.to_thread(end_dead_runs, ids)
    raise reason


def _reason_to_end(signals: _Signals, ids: Collection[UUID]) -> BaseException:
    """The signal that came, or why the server cannot be used; until then, runs of dead processes are ended.

    An outage is told when it begins, and when it is over.
    """
    answered = swept = time.monotonic()
    is_away = False
    while True:
        with suppress(Empty):
            return signals.get(timeout=_LOOK_EVERY)
        try:
            with _at_once():
                check_server(needed=True)
                now = time.monotonic()
                if is_away:
                    print(back_sentence(now - answered), flush=True)  # noqa: T201
                    swept, is_away = now, False
                answered = now
                if now - swept > _SWEEP_EVERY:
                    swept = now
                    end_dead_runs(ids)
        except httpx.HTTPError as error:
            logging.getLogger(__name__).debug("%s", error)
        except UserError as error:
            if not is_away:
                print(f"{away_sentence()}; runs at work go on", flush=True)  # noqa: T201
            is_away = True
            if time.monotonic() - answered > LONGEST_OUTAGE:
                return error


@contextmanager
def _at_once() -> Iterator[None]:
    """Within it this thread's requests are made once: a signal is not to wait for a server that is away."""
    with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
        yield


def _end_runs(head_start: float) -> None:
    """Has the runs at work end, and kills those that do not, with all that they started."""
    runs = psutil.Process().children()
    _, living = psutil.wait_procs(runs, timeout=head_start)
    for run in living:
        with suppress(psutil.NoSuchProcess):
            run.terminate()
    _, living = psutil.wait_procs(living, timeout=_GRACE)
    for run in living:
        with suppress(psutil.NoSuchProcess):
            for process in (*run.children(recursive=True), run):
                process.kill()


@contextmanager
def _silence() -> Iterator[None]:
    """Drops what is printed inside, by this process and by the runs, whose output comes through this one."""
    streams = {stream: os.dup(stream) for stream in (1, 2)}
    nothing = os.open(os.devnull, os.O_WRONLY)
    for stream in streams:
        os.dup2(nothing, stream)
    try:
        yield
    finally:
        for output in (sys.stdout, sys.stderr):
            output.flush()
        for stream, kept in streams.items():
            os.dup2(kept, stream)
