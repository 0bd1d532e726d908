"""Which processes are a service's: what it has left is ended, and a stranger under its old number is not."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import psutil
import pytest

from tasks.operating.sessions import KnownProcess, family, known_process, members, memory, stop

PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
sys.stdin.read()
"""

DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(600)
"""

Start = Callable[[str], tuple[subprocess.Popen[str], str]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a program as the leader of a session, and has the first line that it prints."""
    processes: list[subprocess.Popen[str]] = []

    def start(program: str) -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        processes.append(process)
        assert process.stdout is not None
        return process, process.stdout.readline()

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def test_a_process_under_a_recycled_number_is_left_alone(start: Start) -> None:
    stranger, _ = start(DEAF)
    born = psutil.Process(stranger.pid).create_time()
    dead = KnownProcess(pid=stranger.pid, born=born - 3600)
    assert not dead.is_alive
    assert members(dead) == []
    assert stop([dead], 0.1) == set()
    assert stranger.poll() is None
    assert [process.pid for process in members(known_process(stranger.pid))] == [stranger.pid]


def test_what_a_dead_leader_has_left_is_found_and_ended(start: Start) -> None:
    parent, line = start(PARENT)
    known, child = known_process(parent.pid), int(line)
    assert {process.pid for process in members(known)} == {parent.pid, child}
    parent.kill()
    parent.wait()
    assert [process.pid for process in members(known)] == [child]
    # SIGTERM is enough for it: nothing had to be killed.
    assert stop([known], 5) == set()
    assert members(known) == []


def test_what_does_not_hear_is_killed_once_its_time_is_up(start: Start) -> None:
    deaf, _ = start(DEAF)
    began = time.monotonic()
    killed = stop([known_process(deaf.pid)], 0.3)
    assert time.monotonic() - began >= 0.3
    assert [process.pid for process in killed] == [deaf.pid]
    assert deaf.wait(5) == -9


def test_memory_is_what_the_processes_hold(start: Start) -> None:
    megabytes = 64
    holder, _ = start(f"import sys; block = b'x' * {megabytes * 2**20}; print('holds', flush=True); sys.stdin.read()")
    idle, _ = start("import sys; print('idle', flush=True); sys.stdin.read()")
    more = memory([psutil.Process(holder.pid)]) - memory([psutil.Process(idle.pid)])
    assert abs(more / 2**20 - megabytes) < 4


def test_what_a_service_started_in_a_session_of_its_own_belongs_to_it(start: Start) -> None:
    """As the processes of a model that is served: their memory is the service's."""
    parent, line = start(PARENT.replace('600)"]', '600)"], start_new_session=True'))
    known, child = known_process(parent.pid), int(line)
    assert [process.pid for process in members(known)] == [parent.pid]
    assert {process.pid for process in family(known)} == {parent.pid, child}
    psutil.Process(child).kill()
