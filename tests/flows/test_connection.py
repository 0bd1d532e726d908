"""A server that cannot be used is told in one message, and what the message advises works."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.connection import check_server, look_at_server
from tasks.errors import UserError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prefect's client tries a connection that is refused thrice more, and pauses for 1.5 s in all."""
    monkeypatch.setattr("httpcore._sync.connection.RETRIES_BACKOFF_FACTOR", 0.0)


@contextmanager
def answering(status: int, content: bytes) -> Iterator[str]:
    """The address of a server that gives every question the same answer."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/api"
        server.shutdown()


def complaint(url: str) -> str:
    with temporary_settings({PREFECT_API_URL: url}), pytest.raises(UserError) as caught:
        check_server()
    return str(caught.value)


@pytest.mark.parametrize(
    ("status", "content", "problem"),
    [
        (200, b"<html>Hello</html>", "is not Prefect's API; mend the address, which ends in /api"),
        (200, b"{}", "is not Prefect's API"),
        (404, b"", "is not Prefect's API"),
        (401, b"{}", r"wants other credentials \(status 401\); set PREFECT_API_AUTH_STRING or PREFECT_API_KEY"),
        (500, b"", "answers with status 500; look at its log"),
        (503, b"", "answers with status 503"),
    ],
)
def test_what_answers_and_is_no_server_of_prefect(status: int, content: bytes, problem: str) -> None:
    with answering(status, content) as url:
        message = complaint(url)
    assert re.search(problem, message)
    assert url in message
    # There is something on this port already.
    assert "prefect server start" not in message


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://no-such-host.invalid:4200/api", "there is no host of this name; mend the address"),
        ("127.0.0.1:4200/api", "it does not begin with http:// or https://; mend the address"),
        ("http://127.0.0.1:1/api", "nothing listens there; start it with `prefect server start --port 1`"),
    ],
)
def test_an_address_where_nobody_answers(url: str, problem: str) -> None:
    assert problem in complaint(url)


def test_a_server_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.connection.PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert "does not answer within" in complaint(f"http://127.0.0.1:{silent.getsockname()[1]}/api")


def test_an_address_that_is_secure_and_a_server_that_is_not() -> None:
    with answering(200, b"") as url:
        assert "no secure connection" in complaint(url.replace("http:", "https:"))


@pytest.mark.parametrize(
    "url",
    [
        "http://me:s3cret@127.0.0.1:1/api",
        "http://me:s3cret/s3cret@127.0.0.1:1/api",
        "http://127.0.0.1:1/api?token=s3cret",
        "s3cret:s3cret@127.0.0.1:1/api",
        "http://me:s3cret s3cret@127.0.0.1:1/api",
    ],
)
def test_a_password_in_the_address_is_not_shown(url: str) -> None:
    message = complaint(url)
    assert "127.0.0.1:1/api" in message
    assert "s3cret" not in message


def test_signs_of_a_password_are_written_as_the_message_says() -> None:
    assert "write / as %2F, @ as %40" in complaint("http://me:s3/cr@et@127.0.0.1:1/api")
    assert "nothing listens there" in complaint("http://me:s3%2Fcr%40et@127.0.0.1:1/api")


def test_the_doctor_says_it_and_its_cure() -> None:
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:1/api"}):
        finding, cure = look_at_server()
    assert (finding, "nothing listens there" in str(cure)) == ("the server that is configured cannot be used", True)
    with temporary_settings({PREFECT_API_URL: None}):
        assert look_at_server() == ("no server configured: a run has a temporary one", None)


LOOK = "from flows.connection import look_at_server; print(*look_at_server(), sep='\\n')"


def look(folder: Path, **more: str) -> str:
    """What a process of its own says of its server: Prefect reads profile and environment once."""
    kept = {name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"}
    environment = {**kept, "PREFECT_HOME": str(folder), "PYTHONPATH": str(ROOT), **more}
    return subprocess.run(
        [sys.executable, "-c", LOOK], cwd=folder, env=environment, capture_output=True, text=True, check=True
    ).stdout


@pytest.mark.chain
def test_where_the_address_comes_from_and_how_it_goes(tmp_path: Path) -> None:
    in_environment = look(tmp_path, PREFECT_API_URL="http://127.0.0.1:1/api")
    assert "(PREFECT_API_URL in the environment)" in in_environment
    assert "go without: `unset PREFECT_API_URL`" in in_environment
    assert look(tmp_path).startswith("no server configured")

    (tmp_path / "profiles.toml").write_text(
        'active = "team"\n[profiles.team]\nPREFECT_API_URL = "http://127.0.0.1:1/api"\n'
    )
    in_profile = look(tmp_path)
    assert "(Prefect's profile team)" in in_profile
    [advice] = re.findall(r"go without: `([^`]+)`", in_profile)
    environment = {**os.environ, "PREFECT_HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-m", *advice.split()], env=environment, check=True, capture_output=True)
    assert look(tmp_path).startswith("no server configured")
