"""The supervisor, over toy services that are real processes: order, restarts, signals, and nothing left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tasks.errors import UserError
from tasks.operating.ports import answers
from tasks.operating.service import Service, in_order_of_stopping
from tasks.operating.supervisor import HEALTH_SECONDS, MISSED_CHECKS, START_SECONDS, Supervisor
from tests.projects import REPOSITORY

PYTHON = (sys.executable, "-I", "-S", "-c")

SERVER = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_):
        pass
print("noise: listening", flush=True)
print("a warning", file=sys.stderr, flush=True)
HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""

WAITING = "import time; print('serving all', flush=True); time.sleep(600)"

DEAF = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"])
print("serving", child.pid, flush=True)
time.sleep(600)
"""

SUPERVISED = """
import sys
from pathlib import Path
from tasks.operating.output import to_screen
from tasks.operating.service import Service
from tasks.operating.supervisor import Supervisor
program = "import os, time; print('pid', os.getpid(), flush=True); time.sleep(600)"
services = [Service(name=name, command=(sys.executable, "-I", "-S", "-c", program), ready_line="pid") for name in "ab"]
Supervisor(services, Path.cwd(), to_screen()).run()
print("ended in order")
"""


class Clock:
    """Stands still until it is moved on."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Watch:
    """A supervisor with what it said, and a clock of the test's own."""

    def __init__(self, folder: Path, *services: Service) -> None:
        self.clock, self.lines, self.ready = Clock(), list[str](), list[float]()
        self.patience = 5.0
        self.supervisor = Supervisor(
            services,
            folder,
            lambda name, line: self.lines.append(f"{name}: {line}"),
            ready=self.ready.append,
            clock=self.clock,
            is_well=lambda address: answers(address, self.patience),
        )

    def until(self, condition: Callable[[], bool]) -> None:
        """Looks again and again, while the clock stands still."""
        deadline = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline, self.lines
            self.supervisor.step()
            time.sleep(0.01)

    def states(self) -> list[str]:
        return [one.life.state for one in self.supervisor.watched]

    def pid(self, number: int = 0) -> int:
        process = self.supervisor.watched[number].process
        assert process is not None
        return process.known.pid


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Callable[..., Watch]]:
    watches: list[Watch] = []

    def watch(*services: Service) -> Watch:
        watches.append(Watch(tmp_path, *services))
        return watches[-1]

    yield watch
    for one in watches:
        one.supervisor.stop()


def answering(**settings: object) -> Service:
    """A server, on a port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    health = f"http://127.0.0.1:{port}/health"
    command = (*PYTHON, SERVER, str(port))
    return Service(**{"name": "server", "command": command, "health": health, "noise": ("noise:",), **settings})


def waiting(name: str = "toy", **settings: object) -> Service:
    return Service(**{"name": name, "command": (*PYTHON, WAITING), "ready_line": "serving", **settings})


def test_a_server_is_ready_once_it_answers_and_its_lines_are_passed_on_without_noise(
    watch: Callable[..., Watch],
) -> None:
    one = watch(answering(), waiting("later", after=("server",)))
    one.supervisor.step()
    assert one.states() == ["starting", "waiting"]
    one.until(lambda: one.states() == ["ready", "ready"])
    assert one.ready == [0.0]
    begin = [line for line in one.lines if not line.startswith("later")]
    assert begin == ["server: a warning", "up: server is ready (0.0 s)", "up: later is ready (0.0 s)"]


@pytest.mark.parametrize("code", [0, 1])
def test_what_is_to_be_done_once_is_not_started_again_and_holds_nobody_up(
    watch: Callable[..., Watch], code: int
) -> None:
    program = f"print('paused', flush=True); raise SystemExit({code})"
    one = watch(waiting(), waiting("once", command=(*PYTHON, program), after=("toy",), is_once=True))
    one.until(lambda: one.ready == [0.0])
    assert one.states() == ["ready"]
    assert one.lines.count("once: paused") == 1
    endless = watch(waiting(), waiting("once", command=(*PYTHON, "while True: pass"), is_once=True, stop_seconds=0.2))
    endless.until(lambda: endless.states() == ["ready", "starting"])
    endless.clock.now += START_SECONDS + 1
    endless.supervisor.step()
    assert endless.states() == ["ready"]


def test_a_server_that_hangs_is_started_again_once_it_has_missed_three_checks(watch: Callable[..., Watch]) -> None:
    one = watch(answering(stop_seconds=0.2))
    one.until(lambda: one.states() == ["ready"])
    before, one.patience = one.pid(), 0.2
    os.kill(before, signal.SIGSTOP)
    for _ in range(MISSED_CHECKS - 1):
        one.clock.now += HEALTH_SECONDS
        # However often it is looked at meanwhile, it is asked once.
        for _ in range(5):
            one.supervisor.step()
        assert one.states() == ["ready"]
    one.clock.now += HEALTH_SECONDS
    one.supervisor.step()
    assert one.states() == ["resting"]
    assert one.lines[-1] == "up: server did not answer 3 times, 30 s apart; starts again in 1 s"
    assert not psutil.pid_exists(before)
    one.clock.now, one.patience = one.clock.now + 1, 5.0
    one.until(lambda: one.states() == ["ready"])
    assert one.pid() != before


def test_a_server_that_answers_again_has_missed_nothing(watch: Callable[..., Watch]) -> None:
    one = watch(answering())
    one.until(lambda: one.states() == ["ready"])
    pid = one.pid()
    for _ in range(2):
        for number, one.patience in ((signal.SIGSTOP, 0.1), (signal.SIGSTOP, 0.1), (signal.SIGCONT, 5.0)):
            os.kill(pid, number)
            one.clock.now += HEALTH_SECONDS
            one.supervisor.step()
    assert (one.states(), one.pid()) == (["ready"], pid)


def test_what_is_starting_is_not_asked_and_what_has_no_address_never(watch: Callable[..., Watch]) -> None:
    one = watch(waiting(health="http://127.0.0.1:1/health", ready_line="never"), waiting("quiet"))
    one.until(lambda: one.states() == ["starting", "ready"])
    for _ in range(MISSED_CHECKS + 1):
        one.clock.now += HEALTH_SECONDS
        one.supervisor.step()
    assert one.states() == ["starting", "ready"]


def test_another_process_that_answers_on_its_port_does_not_make_a_server_ready(
    watch: Callable[..., Watch], tmp_path: Path
) -> None:
    """As two projects that start at the same moment: the other one's server took the port that both had chosen."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    # The same server, which begins to listen when there is a file.
    late = f"import os, time\nwhile not os.path.exists('go'): time.sleep(0.01)\n{SERVER}"
    health = f"http://127.0.0.1:{port}/health"
    other = subprocess.Popen((*PYTHON, SERVER, str(port)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        one = watch(Service(name="server", command=(*PYTHON, late, str(port)), health=health))
        one.until(lambda: answers(health))
        for _ in range(3):
            one.supervisor.step()
        assert one.states() == ["starting"]
    finally:
        other.kill()
        other.wait()
    (tmp_path / "go").touch()
    one.until(lambda: one.states() == ["ready"])


def test_what_dies_is_started_again_after_a_pause_that_doubles_and_is_said(watch: Callable[..., Watch]) -> None:
    one = watch(waiting())
    for pause in (1, 2, 4):
        one.until(lambda: one.states() == ["ready"])
        before = one.pid()
        os.kill(before, signal.SIGKILL)
        one.until(lambda: one.states() == ["resting"])
        assert one.lines[-1] == f"up: toy ended (killed by SIGKILL); starts again in {pause} s"
        one.clock.now += pause - 0.1
        one.supervisor.step()
        assert one.states() == ["resting"]
        one.clock.now += 0.1
        one.until(lambda: one.states() == ["ready"])
        assert one.pid() != before
        assert one.lines[-1] == "up: toy is ready again (0.0 s)"
    # A minute of running, and the next death is the first.
    one.clock.now += 60
    os.kill(one.pid(), signal.SIGKILL)
    one.until(lambda: one.states() == ["resting"])
    assert one.lines[-1].endswith("starts again in 1 s")
    assert one.ready == [0.0]


def test_what_was_never_ready_is_given_up_with_what_it_said_last(watch: Callable[..., Watch]) -> None:
    one = watch(
        Service(name="toy", command=(*PYTHON, "print('no such thing'); raise SystemExit(2)"), ready_line="ready")
    )

    def pauses_pass() -> bool:
        # Not while it runs: after a minute of that the next pause is the first again.
        one.clock.now += 5 * (one.states() == ["resting"])
        return False

    with pytest.raises(UserError) as given_up:
        one.until(pauses_pass)
    assert str(given_up.value).startswith("toy ended (exit 2), 3 times in a row; it said last:")
    assert "no such thing" in str(given_up.value)
    # The third end is not followed by a start.
    assert [line for line in one.lines if "starts again" in line] == [
        "up: toy ended (exit 2); starts again in 1 s",
        "up: toy ended (exit 2); starts again in 2 s",
    ]


def test_what_is_not_ready_in_time_is_ended_and_started_again(watch: Callable[..., Watch]) -> None:
    one = watch(waiting(ready_line="another line"))
    one.supervisor.step()
    slow = one.pid()
    one.clock.now += START_SECONDS + 1
    one.until(lambda: one.states() == ["resting"])
    assert one.lines[-1] == "up: toy was not ready after 180 s; starts again in 1 s"
    assert not psutil.pid_exists(slow)


def test_what_does_not_hear_is_killed_with_all_that_it_started(watch: Callable[..., Watch]) -> None:
    one = watch(Service(name="deaf", command=(*PYTHON, DEAF), ready_line="serving", stop_seconds=0.2))
    one.until(lambda: one.states() == ["ready"])
    child = int(one.lines[0].split()[-1])
    leader = one.pid()
    one.supervisor.stop()
    assert not psutil.pid_exists(leader)
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


def test_what_a_dead_service_has_left_is_ended_before_it_starts_again(watch: Callable[..., Watch]) -> None:
    one = watch(Service(name="deaf", command=(*PYTHON, DEAF), ready_line="serving", stop_seconds=0.3))
    one.until(lambda: one.states() == ["ready"])
    child = psutil.Process(int(one.lines[0].split()[-1]))
    os.kill(one.pid(), signal.SIGKILL)
    one.until(lambda: one.states() == ["resting"])
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_a_service_that_closes_its_output_lives_on_and_its_end_is_noticed(watch: Callable[..., Watch]) -> None:
    program = "import os, time; print('serving', flush=True); os.close(1); os.close(2); time.sleep(600)"
    one = watch(Service(name="mute", command=(*PYTHON, program), ready_line="serving"))
    one.until(lambda: one.states() == ["ready"])
    process = one.supervisor.watched[0].process
    one.until(lambda: process.descriptors == [])
    assert one.states() == ["ready"]
    os.kill(one.pid(), signal.SIGKILL)
    one.until(lambda: one.states() == ["resting"])


def test_a_line_without_an_end_does_not_fill_the_memory(watch: Callable[..., Watch]) -> None:
    program = "import sys; sys.stdout.write('x' * 300000); sys.stdout.flush(); raise SystemExit(0)"
    one = watch(Service(name="loud", command=(*PYTHON, program), ready_line="serving"))
    one.until(lambda: one.states() == ["resting"])
    loud = [line.removeprefix("loud: ") for line in one.lines if line.startswith("loud: ")]
    assert sum(map(len, loud)) == 300000
    assert max(map(len, loud)) <= 2 * 65536


def test_services_stop_before_those_that_they_wait_for() -> None:
    services = (waiting("base"), waiting("middle", after=("base",)), waiting("top", after=("middle", "base")))
    rounds = [[service.name for service in services] for services in in_order_of_stopping(services)]
    assert rounds == [["top"], ["middle"], ["base"]]


def supervised(folder: Path) -> tuple[subprocess.Popen[str], list[int]]:
    """A supervisor in a process of its own, and the numbers of its two services."""
    process = subprocess.Popen(
        [sys.executable, "-c", SUPERVISED],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    numbers: list[int] = []
    while len(numbers) < 2:
        line = process.stdout.readline()
        assert line, "the supervisor ended"
        if "| pid" in line:
            numbers.append(int(line.split()[-1]))
    return process, numbers


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_all_in_order(tmp_path: Path, number: signal.Signals) -> None:
    process, services = supervised(tmp_path)
    process.send_signal(number)
    output, _ = process.communicate(timeout=20)
    assert output.endswith("ended in order\n")
    assert process.returncode == 0
    assert [pid for pid in services if psutil.pid_exists(pid)] == []


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no signal for a parent's death")
def test_services_end_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    process, services = supervised(tmp_path)
    process.kill()
    process.wait()
    deadline = time.monotonic() + 10
    while living := [pid for pid in services if psutil.pid_exists(pid)]:
        assert time.monotonic() < deadline, living
        time.sleep(0.02)
