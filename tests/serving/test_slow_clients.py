"""Clients that trickle, on real sockets: their connections end, and those of others do not."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

import pytest
import uvicorn

from tasks.serving.slow_clients import BoundedHttp

REQUEST = b"GET / HTTP/1.1\r\nHost: here\r\n"
POST = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 1000\r\n"


class Impatient(BoundedHttp):
    """Limits that a test can wait for."""

    header_seconds = 0.3
    body_seconds = 0.3


async def answer(scope: Any, receive: Any, send: Any) -> None:
    """Without a look at the body, as of a request without a key."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(answer, http=Impatient, ws="none", lifespan="off", log_config=None, timeout_keep_alive=60)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
    thread.start()
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join()


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    with closing(socket.create_connection(("127.0.0.1", port), timeout=30)) as client:
        yield client


def is_closed_while_it_trickles(client: socket.socket, piece: bytes) -> bool:
    """Whether the server ends the connection, though a piece more of the request comes each moment."""
    client.settimeout(0.05)
    for _ in range(600):
        with suppress(TimeoutError):
            try:
                client.sendall(piece)
                while client.recv(1_000):
                    pass
            except ConnectionError:
                pass
            return True
    return False


@pytest.mark.parametrize(
    ("begin", "piece"),
    [
        (b"", b""),
        (b"GET / HT", b""),
        (REQUEST, b"X-More: and more\r\n"),
        (b"", b"\r\n"),
        (POST + b"\r\n", b"x"),
        (b"POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    ],
    ids=["silent", "half a line", "headers", "empty lines", "body", "chunks"],
)
def test_what_does_not_arrive_in_time_ends_the_connection(port: int, begin: bytes, piece: bytes) -> None:
    with connected(port) as client:
        client.sendall(begin)
        assert is_closed_while_it_trickles(client, piece)


def test_whoever_sends_a_request_may_rest_before_the_next_one(port: int) -> None:
    with connected(port) as client:
        for _ in range(2):
            client.sendall(REQUEST + b"\r\n")
            answered = b""
            while not answered.endswith(b"ok"):
                answered += client.recv(1_000)
            time.sleep(2 * Impatient.header_seconds)
        # And what it trickles then is bounded again.
        client.sendall(REQUEST)
        assert is_closed_while_it_trickles(client, b"X-More: and more\r\n")
