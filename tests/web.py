"""A real web server on loopback whose answers a test decides one by one."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Answers:
    """What the server holds and how it behaves; `asked` is what it was asked, with the headers."""

    content: bytes
    mark: str | None = '"one"'
    ranges: bool = True
    failures: list[int] = field(default_factory=list)
    """Status codes to answer first, before anything else."""
    cuts: list[int] = field(default_factory=list)
    """After how many bytes to break off the first bodies."""
    headers: dict[str, str] = field(default_factory=dict)
    redirect: str | None = None
    length: bool = True
    """Whether answers say how long they are."""
    endless: bool = False
    asked: list[Mapping[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    """What was asked for, with its query."""
    base: str = ""

    def url(self, path: str = "/rows.csv") -> str:
        return f"{self.base}{path}"


@contextmanager
def serving(content: bytes, **more: Any) -> Iterator[Answers]:
    """The server, until the end of the block."""
    answers = Answers(content, **more)

    class Handler(_Handler):
        plan = answers

    with listening(Handler) as answers.base:
        yield answers


@contextmanager
def listening(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """A server on loopback, on a free port, with a thread a request; its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    plan: Answers

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class's name)
        """Says nothing on stderr."""

    def do_GET(self) -> None:
        plan = self.plan
        plan.asked.append(dict(self.headers.items()))
        plan.paths.append(self.path)
        if plan.failures:
            self._answer(plan.failures.pop(0), b"", **plan.headers)
        elif plan.redirect:
            self._answer(302, b"", Location=plan.redirect)
        elif plan.mark and self.headers.get("If-None-Match") == plan.mark:
            self._answer(304, b"")
        elif plan.endless:
            self._go_on_for_ever()
        else:
            self._send_content()

    def _send_content(self) -> None:
        plan = self.plan
        marked = {"ETag": plan.mark} if plan.mark else {}
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "")) if plan.ranges else None
        if wanted and self.headers.get("If-Range") == plan.mark:
            start, end = int(wanted[1]), len(plan.content)
            piece = {"Content-Range": f"bytes {start}-{end - 1}/{end}"}
            self._answer(206, plan.content[start:], **marked, **piece, **plan.headers)
        else:
            self._answer(200, plan.content, **marked, **plan.headers)

    def _go_on_for_ever(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.close_connection = True
        with suppress(ConnectionError):
            while True:
                self.wfile.write(bytes(1 << 16))

    def _answer(self, code: int, body: bytes, **headers: str) -> None:
        self.send_response(code)
        for name, value in (({"Content-Length": str(len(body))} if self.plan.length else {}) | headers).items():
            self.send_header(name, value)
        self.end_headers()
        if code in (200, 206) and self.plan.cuts:
            body = body[: self.plan.cuts.pop(0)]
        self.wfile.write(body)
        self.close_connection = True
