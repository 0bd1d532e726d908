"""HTTP with a limit to how long a request may take to arrive, as a client that trickles would hold its connection.

uvicorn has a limit for connections that are silent between two requests, and none for headers or bodies that come a
byte at a time. What a handler reads is bounded by itself, with an answer (408); here the connection is closed, whatever
its request is for.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADER_SECONDS = 10.0
"""For headers, which one packet holds."""
_BODY_MARGIN = 5.0
"""Seconds beyond those in which a handler answers 408 itself."""


class BoundedHttp(HttpToolsProtocol):
    """A connection that is closed when the headers, or the body, of a request take longer than these to arrive."""

    header_seconds = HEADER_SECONDS
    body_seconds = 60.0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_within(self.header_seconds)

    def data_received(self, data: bytes) -> None:
        # Empty lines before a request begin none, and end uvicorn's own limit of a silent connection.
        if self._limit is None and (self.cycle is None or self.cycle.response_complete):
            self._expect_within(self.header_seconds)
        super().data_received(data)

    def on_message_begin(self) -> None:
        if self._limit is None:
            self._expect_within(self.header_seconds)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._expect_within(self.body_seconds)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._expect_nothing()
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._expect_nothing()
        super().connection_lost(exc)

    def _expect_within(self, seconds: float) -> None:
        self._expect_nothing()
        self._limit = self.loop.call_later(seconds, self._give_up)

    def _expect_nothing(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None

    def _give_up(self) -> None:
        self._limit = None
        if self.pipeline:
            # It is us who do not read on, until the request before this one is answered.
            self._expect_within(self.body_seconds)
        elif not self.transport.is_closing():
            self.transport.close()


def bounded_http(time_limit: float) -> type[BoundedHttp]:
    """The protocol of a server whose handlers wait `time_limit` seconds for a body."""
    return type("BoundedHttp", (BoundedHttp,), {"body_seconds": time_limit + _BODY_MARGIN})
