"""Whether the process of a flow run is dead: never a guess, as a living run would be ended."""

from __future__ import annotations

import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psutil
import pytest
from prefect.client.schemas.objects import FlowRun, State, StateType

from flows.processes import BORN, HOST, PROCESS, _is_dead, _never_began


def run_of(process: psutil.Process, **labels: Any) -> FlowRun:
    own = {HOST: socket.gethostname(), PROCESS: process.pid, BORN: process.create_time()}
    return FlowRun(flow_id=uuid4(), labels={**own, **labels})


@pytest.fixture
def killed() -> psutil.Process:
    """A process that was killed, and that nobody has buried yet."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    process = psutil.Process(child.pid)
    process.create_time()
    child.kill()
    while process.status() != psutil.STATUS_ZOMBIE:
        pass
    return process


def test_a_living_process_is_not_dead() -> None:
    assert not _is_dead(run_of(psutil.Process()))
    # The clock was put right in between.
    assert not _is_dead(run_of(psutil.Process(), **{BORN: psutil.Process().create_time() + 0.5}))


def test_a_killed_process_is_dead_before_and_after_it_is_buried(killed: psutil.Process) -> None:
    run = run_of(killed)
    assert _is_dead(run)
    killed.wait()
    assert _is_dead(run)


def test_a_dead_process_is_dead_though_its_number_was_given_to_another() -> None:
    assert _is_dead(run_of(psutil.Process(), **{BORN: psutil.Process().create_time() - 3600}))


def test_of_another_machine_nobody_knows(killed: psutil.Process) -> None:
    assert not _is_dead(run_of(killed, **{HOST: "elsewhere"}))
    assert not _is_dead(FlowRun(flow_id=uuid4(), labels={"prefect.flow.id": "1"}))


@pytest.mark.parametrize(
    ("state", "minutes", "is_dead"),
    [(StateType.PENDING, 6, True), (StateType.PENDING, 4, False), (StateType.RUNNING, 6, False)],
)
def test_a_run_that_takes_too_long_to_begin_never_will(state: StateType, minutes: int, is_dead: bool) -> None:
    since = datetime.now(UTC) - timedelta(minutes=minutes)
    assert _never_began(FlowRun(flow_id=uuid4(), state=State(type=state, timestamp=since))) == is_dead
