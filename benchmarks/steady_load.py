"""Requests at even times, whether others were answered or not, and how long each answer took from when it was due.

wrk asks as fast as it is answered, which hides a server that stops for a moment. One process and uvloop's protocols:
what asks takes as little as it can of the cores that it shares with what answers.
"""

from __future__ import annotations

import asyncio
import json
import re
import statistics
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

_NUM_CONNECTIONS = 128
_STEP = 0.001
"""Seconds: no less, as uvloop counts in milliseconds, and would look all the time."""
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Load:
    """Answers a second, milliseconds, and answers that were no 200."""

    rate: float
    p50: float
    p95: float
    p99: float
    num_failed: int


@dataclass
class _Requests:
    """What is due and waits for a connection, and how long what was answered has taken, in seconds."""

    message: bytes
    idle: deque[_Connection] = field(default_factory=deque)
    waiting: deque[float] = field(default_factory=deque)
    taken: list[float] = field(default_factory=list)
    num_failed: int = 0

    def ask(self, due: float) -> None:
        if self.idle:
            # In turn: a server closes a connection that is idle for some seconds.
            self.idle.popleft().ask(due)
        else:
            self.waiting.append(due)

    def answered(self, connection: _Connection, seconds: float, *, is_ok: bool) -> None:
        self.taken.append(seconds)
        self.num_failed += not is_ok
        if self.waiting:
            connection.ask(self.waiting.popleft())
        else:
            self.idle.append(connection)


class _Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self, requests: _Requests) -> None:
        self._requests = requests
        self._due = 0.0
        self._answer = b""
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self._requests.idle.append(self)

    def ask(self, due: float) -> None:
        self._due, self._answer = due, b""
        self.transport.write(self._requests.message)

    def connection_lost(self, error: Exception | None) -> None:
        if self in self._requests.idle:
            self._requests.idle.remove(self)
        else:
            # It had a request, which nobody answers now.
            self._requests.taken.append(time.perf_counter() - self._due)
            self._requests.num_failed += 1

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, end, body = self._answer.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if end and length and len(body) >= int(length[1]):
            seconds = time.perf_counter() - self._due
            self._requests.answered(self, seconds, is_ok=head.startswith(b"HTTP/1.1 200"))


async def steady_load(
    address: str, body: dict[str, Any], rate: float, seconds: float | None, ended: asyncio.Event | None = None
) -> Load:
    """A request each 1 / `rate` seconds, for so many seconds or until the event."""
    host, port = address.removeprefix("http://").partition("/")[0].split(":")
    content = json.dumps(body).encode()
    lines = (
        "POST /predict HTTP/1.1",
        "Host: here",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
    )
    requests = _Requests("\r\n".join([*lines, "", ""]).encode() + content)
    loop = asyncio.get_running_loop()
    for _ in range(_NUM_CONNECTIONS):
        await loop.create_connection(lambda: _Connection(requests), host, int(port))
    began, num_sent = time.perf_counter(), 0
    while (time.perf_counter() - began < seconds) if seconds else not (ended and ended.is_set()):
        while began + num_sent / rate <= time.perf_counter():
            requests.ask(began + num_sent / rate)
            num_sent += 1
        await asyncio.sleep(_STEP)
    while len(requests.taken) < num_sent:
        await asyncio.sleep(_STEP)
    cuts = statistics.quantiles([1000 * one for one in requests.taken], n=100)
    load = Load(len(requests.taken) / (time.perf_counter() - began), cuts[49], cuts[94], cuts[98], requests.num_failed)
    for connection in list(requests.idle):
        connection.transport.close()
    return load
