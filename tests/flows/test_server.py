from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from flows.server import temporary_server, wait_until_ready
from tasks.errors import UserError

pytestmark = pytest.mark.chain

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def prefect_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)


def test_a_server_that_cannot_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", "nonsense://nowhere")
    with temporary_server() as server, pytest.raises(UserError, match=r"(?s)did not start.*--plain.*nonsense"):
        wait_until_ready(server)


def test_no_server_is_left_where_another_is_configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    with temporary_server() as server:
        assert server.process.wait(60) == 0
    assert not (tmp_path / "prefect" / "prefect.db").exists()


@pytest.mark.long
def test_four_servers_at_once_make_one_database(tmp_path: Path) -> None:
    with ExitStack() as stack:
        servers = [stack.enter_context(temporary_server()) for _ in range(4)]
        for server in servers:
            wait_until_ready(server)
    assert (tmp_path / "prefect" / "prefect.db").exists()


def test_the_server_ends_when_the_run_is_killed() -> None:
    program = (
        "import time; from flows.server import temporary_server\n"
        "with temporary_server() as server: print(server.process.pid, flush=True); time.sleep(600)"
    )
    run = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    server = int(run.stdout.readline())
    run.send_signal(signal.SIGKILL)
    run.wait()
    deadline = time.monotonic() + 60
    while _lives(server) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not _lives(server)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not (state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z")
