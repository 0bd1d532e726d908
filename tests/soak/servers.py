"""A tracking server that drops, delays and lies; then the same server, honest."""

from __future__ import annotations

import random
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from tests.projects import environment
from tests.soak import subject
from tests.soak.recovery import recovered
from tests.soak.subject import Truth
from tests.soak.trial import Ending, Trial, has_traceback
from tests.web import listening

_FAULTS = ("dropped", "late", "500", "503", "a page", "cut", "empty", "wrong")

_PASSED_ON = ("content-type", "content-length", "authorization", "range")


@dataclass
class Proxy:
    """Stands before a server; a request in `share` of them goes wrong."""

    target: str
    draw: random.Random
    share: float = 0.0
    base: str = ""
    done: list[str] = field(default_factory=list)
    """What went wrong so far."""


def servers(folder: Path, store: Path, truth: Truth, seed: int, num_projects: int) -> Iterator[Trial]:
    """Each project against a server of its own whose answers go wrong at random, then against the honest one."""
    for number in range(num_projects):
        draw = random.Random(f"{seed} {number}")
        root = subject.fresh(folder / f"served-{number}", store)
        with _mlflow(folder / f"server-{number}") as target, _proxy(Proxy(target, draw)) as proxy:
            proxy.share = draw.choice((0.05, 0.3, 1.0))
            first = subject.run(root, "plain", MLFLOW_TRACKING_URI=proxy.base)
            text = f"{len(proxy.done)} answers gone wrong ({proxy.share:.0%}), exit {first.returncode}"
            proxy.share = 0.0
            ending: Ending
            ending, detail = recovered(root, truth, "plain", store=proxy.base)
            if has_traceback(first):
                ending, detail = "traceback", first.stderr.strip().splitlines()[-1]
            yield Trial(kind="a lying tracking server", disturbance=text, ending=ending, detail=detail)


@contextmanager
def _mlflow(folder: Path) -> Iterator[str]:
    folder.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += [
        "--backend-store-uri",
        f"sqlite:///{folder}/mlflow.db",
        "--artifacts-destination",
        str(folder / "artifacts"),
    ]
    env = {**environment(folder), "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=log)
    try:
        _wait_for(f"http://127.0.0.1:{port}/health")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=60)


def _wait_for(url: str) -> None:
    until = time.monotonic() + 120
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            assert time.monotonic() < until, url
            time.sleep(0.2)
        else:
            return


@contextmanager
def _proxy(proxy: Proxy) -> Iterator[Proxy]:
    class Handler(_Handler):
        plan = proxy

    with listening(Handler) as proxy.base:
        yield proxy


class _Handler(BaseHTTPRequestHandler):
    plan: Proxy

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
        """Says nothing on stderr."""

    def _handle(self) -> None:
        # Who asked may have gone away by the time that a late answer comes.
        with suppress(BrokenPipeError, ConnectionResetError):
            self._serve_one()

    def _serve_one(self) -> None:
        plan = self.plan
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = plan.draw.choice(_FAULTS) if plan.draw.random() < plan.share else None
        if fault:
            plan.done.append(fault)
        # Half of what goes wrong goes wrong after the server has done it.
        if fault in (None, "late", "cut") or plan.draw.random() < 0.5:
            status, kind, content = self._asked(body)
        if fault is None:
            self._answer(status, kind, content)
        elif fault == "late":
            time.sleep(plan.draw.uniform(0.5, 3))
            self._answer(status, kind, content)
        elif fault == "dropped":
            self.close_connection = True
        elif fault == "cut":
            self._answer(status, kind, content[: len(content) // 2], length=len(content))
            self.close_connection = True
        elif fault in ("500", "503"):
            self._answer(int(fault), "application/json", b'{"error_code": "INTERNAL_ERROR", "message": "no"}')
        elif fault == "a page":
            self._answer(200, "text/html", b"<html><title>Please sign in</title></html>")
        elif fault == "empty":
            self._answer(200, "application/json", b"{}")
        else:
            self._answer(200, "application/json", b'{"run": {"info": 7}, "experiment": null, "model_versions": "x"}')

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _handle  # noqa: N815 (the base class's names)

    def _asked(self, body: bytes) -> tuple[int, str, bytes]:
        """The true answer."""
        headers = {name: value for name, value in self.headers.items() if name.lower() in _PASSED_ON}
        request = urllib.request.Request(
            self.plan.target + self.path, data=body or None, headers=headers, method=self.command
        )
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return answer.status, answer.headers.get("Content-Type", ""), answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers.get("Content-Type", ""), error.read()

    def _answer(self, status: int, kind: str, content: bytes, length: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        self.wfile.write(content)
